"""GCP CopyCat: copies the objects of a Cloud Storage bucket to an S3 bucket."""
