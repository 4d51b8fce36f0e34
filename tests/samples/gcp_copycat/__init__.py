"""Tests of samples/gcp_copycat, with a stand-in for S3 and a proxy for both clouds."""
