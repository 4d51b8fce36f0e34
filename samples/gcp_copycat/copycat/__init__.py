"""GCP CopyCat: copies the objects of a Cloud Storage bucket to an S3 bucket.

The command and the Lambda handler are in `gcp_copycat.py`, in the folder above. This is how a run goes through the modules:

    arguments -> run -> listing: both listings, merged -> workers -> copying: one object -> cloud_storage, s3

Settings and results
    `arguments` reads the command line and the environment. `settings` and `objects` are the data that all modules share.
    `summary`, `progress` and `manifest` report what happened. `machine` finds the number of processors and the memory.
The run
    `run` is the main loop. `stopping` has the exit codes and ends a run early. `prefetch` lists in advance, in a thread.
    `listing` merges both listings, and `object_filter` selects objects. `denied` recognises a permission that all objects lack.
    `records` manages `checkpoint` and `manifest`. `saving` writes them in the background, to a file of `record_files`.
    `stale_uploads` aborts what killed runs left in S3.
Workers
    `workers` has the interface, and the threads that copy. `processes` and `worker_process` run these threads in processes on
    this machine, `dask_workers` and `dask_batches` on a cluster. `dispatch` assigns tasks to them.
One object
    `copying` copies an object, `multipart` a large one. `dry_run` only compares. `compare` decides whether S3 has the same
    content. `metadata` and `checksums` convert what S3 stores with it. `memory` limits the content in memory.
The clouds
    `cloud_storage` reads and `s3` writes. `google_listing` lists with google-cloud-storage, `s3_client` and `s3_listing` with
    botocore. `google_errors` and `aws_errors` convert exceptions to those of `errors`. `retrying` retries and slows down.
The fast path for small objects
    `direct_get` and `direct_put` send most requests with `direct` instead of the client libraries. It parses replies with
    `direct_reply`. `direct_template` and `signature` build the requests to S3; `content` checks what was read from Google.
    Anything unusual goes through the libraries.
"""
