"""Rows and boxes of annotation files, and annotation formats that several data sets share."""
