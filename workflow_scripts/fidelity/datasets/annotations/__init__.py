"""Rows and boxes of annotation files, and formats of annotations that several data sets share."""
