"""Files of rows -> files of predictions."""
