"""Annotation files of published data sets and of annotation tools: one reader for each format."""
