# The setup of one workload in both clouds: an AWS role, a Google service account that only this role can impersonate, and
# the resources that the copy requires in S3. A module: ../ec2, ../ecs, ../eks and ../lambda use it, each with its own state.
# It writes the host's files, with the names of these resources, to the folder rendered/ of the host.

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws    = { source = "hashicorp/aws", version = ">= 5.0" }
    google = { source = "hashicorp/google", version = ">= 5.0" }
    local  = { source = "hashicorp/local", version = ">= 2.0" }
  }
}

variable "source_bucket" {
  description = "Existing Cloud Storage bucket to copy."
  type        = string
}

variable "aws_account" {
  description = "AWS account id of the role."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.aws_account))
    error_message = "An AWS account id has 12 digits."
  }
}

variable "name" {
  description = "Name of the role, the service account and the pool to create. Each host has its own. Google keeps the id of a deleted pool for 30 days: undelete the pool and import it, or choose another name."
  type        = string
  validation {
    # With up to 16 characters, google.subject is never longer than the 127 bytes that Google accepts.
    condition     = can(regex("^[a-z][a-z0-9-]{4,14}[a-z0-9]$", var.name)) && !startswith(var.name, "gcp-")
    error_message = "The name has 6 to 16 lower-case letters, digits and hyphens, and does not start with gcp-."
  }
}

variable "region" {
  description = "AWS region. It also decides the partition."
  type        = string
}

variable "destination_bucket" {
  description = "Existing S3 bucket that receives the copies."
  type        = string
}

variable "abort_unfinished_uploads" {
  description = "Whether to replace the whole lifecycle configuration of the destination bucket. If false, add the rule to yours."
  type        = bool
  default     = false
}

variable "state_bucket" {
  description = "S3 bucket to create for the checkpoint and the manifest. Empty: both are on a disk, and no bucket is created."
  type        = string
  default     = ""
}

variable "kms_key" {
  description = "ARN of the KMS key that encrypts the objects in the destination bucket. Empty: no KMS key."
  type        = string
  default     = ""
}

variable "quota_project" {
  description = "Google project that pays for requests to a requester-pays bucket. Empty: the bucket's owner pays."
  type        = string
  default     = ""
}

variable "folder" {
  description = "Path of the host's folder."
  type        = string
}

variable "trust_policy" {
  description = "File in the folder with the trust policy of the AWS role: a template."
  type        = string
}

variable "files" {
  description = "Files in the folder to write to rendered/: templates."
  type        = set(string)
}

variable "values" {
  description = "Values of the templates that only this host has."
  type        = map(string)
  default     = {}
}

locals {
  # The ARN of a session of the role, without the session name.
  role = "arn:${data.aws_partition.current.partition}:sts::${var.aws_account}:assumed-role/${var.name}"
  # The values of every template.
  known = {
    partition          = data.aws_partition.current.partition
    dns_suffix         = data.aws_partition.current.dns_suffix
    aws_account        = var.aws_account
    region             = var.region
    source_bucket      = var.source_bucket
    destination_bucket = var.destination_bucket
    state_bucket       = var.state_bucket
  }
  # The values of the files. The trust policy cannot contain them, because the role is created with it.
  created = {
    role_arn        = aws_iam_role.copycat.arn
    audience        = "//iam.googleapis.com/${google_iam_workload_identity_pool_provider.prod.name}"
    service_account = google_service_account.copycat.email
  }
}

data "aws_partition" "current" {}

resource "google_project_service" "api" {
  for_each           = toset(["iam.googleapis.com", "iamcredentials.googleapis.com", "sts.googleapis.com"])
  service            = each.key
  disable_on_destroy = false
}

resource "google_iam_workload_identity_pool" "aws" {
  workload_identity_pool_id = var.name
  depends_on                = [google_project_service.api]
}

resource "google_iam_workload_identity_pool_provider" "prod" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.aws.workload_identity_pool_id
  workload_identity_pool_provider_id = "prod"
  # The mapping of `google-auth-botocore config setup`. The attribute is the session's ARN without the session name. The condition
  # accepts only that role of the account.
  attribute_mapping = {
    "google.subject"     = "assertion.arn"
    "attribute.aws_role" = "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn"
  }
  attribute_condition = "attribute.aws_role == '${local.role}'"
  aws {
    account_id = var.aws_account
  }
}

resource "google_service_account" "copycat" {
  account_id = var.name
  depends_on = [google_project_service.api]
}

resource "google_service_account_iam_member" "copycat" {
  service_account_id = google_service_account.copycat.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.aws.name}/attribute.aws_role/${local.role}"
}

resource "google_storage_bucket_iam_member" "copycat" {
  bucket = var.source_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.copycat.member
}

# Only for a requester-pays bucket: the billed project must allow the account to use it (serviceusage.services.use).
resource "google_project_iam_member" "requester_pays" {
  count   = var.quota_project == "" ? 0 : 1
  project = var.quota_project
  role    = "roles/serviceusage.serviceUsageConsumer"
  member  = google_service_account.copycat.member
}

resource "aws_iam_role" "copycat" {
  name               = var.name
  assume_role_policy = templatefile("${var.folder}/${var.trust_policy}", merge(local.known, var.values))
}

# The permissions below are for S3. Getting a Google token requires no AWS permission.
resource "aws_iam_role_policy" "copycat" {
  name   = "write-to-s3"
  role   = aws_iam_role.copycat.name
  policy = templatefile("${path.module}/role-policy.json", { partition = data.aws_partition.current.partition, destination_bucket = var.destination_bucket })
}

resource "aws_iam_role_policy" "state" {
  count  = var.state_bucket == "" ? 0 : 1
  name   = "state"
  role   = aws_iam_role.copycat.name
  policy = templatefile("${path.module}/state-policy.json", { partition = data.aws_partition.current.partition, state_bucket = var.state_bucket })
}

resource "aws_iam_role_policy" "kms" {
  count  = var.kms_key == "" ? 0 : 1
  name   = "kms"
  role   = aws_iam_role.copycat.name
  policy = templatefile("${path.module}/kms-policy.json", { kms_key = var.kms_key, region = var.region })
}

# Parts of an upload that is never completed are invisible, but billed. A run resumes or aborts the uploads of earlier runs.
# This rule aborts those that no later run touches. Seven days: a large object can require several runs.
resource "aws_s3_bucket_lifecycle_configuration" "destination" {
  count  = var.abort_unfinished_uploads ? 1 : 0
  bucket = var.destination_bucket
  rule {
    id     = "abort-unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

# Not the destination bucket: a source object with the checkpoint's name would replace the checkpoint.
resource "aws_s3_bucket" "state" {
  count  = var.state_bucket == "" ? 0 : 1
  bucket = var.state_bucket
}

# Each run replaces the manifest. The bucket keeps the earlier ones for 90 days.
resource "aws_s3_bucket_versioning" "state" {
  count  = var.state_bucket == "" ? 0 : 1
  bucket = aws_s3_bucket.state[0].id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  count      = var.state_bucket == "" ? 0 : 1
  bucket     = aws_s3_bucket.state[0].id
  depends_on = [aws_s3_bucket_versioning.state]
  rule {
    id     = "earlier-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 90
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

# The alarms on the pages for EC2, ECS and Lambda publish to this topic. Subscribe to it to receive them.
resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = templatefile("${path.module}/topic-policy.json", {
    topic     = aws_sns_topic.alarms.arn
    partition = data.aws_partition.current.partition
    account   = var.aws_account
    region    = var.region
  })
}

resource "local_file" "rendered" {
  for_each = var.files
  filename = "${var.folder}/rendered/${each.key}"
  content  = templatefile("${var.folder}/${each.key}", merge(local.known, local.created, var.values))
}

output "topic" {
  value = aws_sns_topic.alarms.arn
}
