# The setup of one workload in both clouds: an AWS role, a Google service account that only this role can impersonate, and
# the resources that the copy requires in S3.
#
#   terraform apply -var trust_policy=../ecs/trust-policy.json

terraform {
  required_providers {
    aws    = { source = "hashicorp/aws", version = ">= 5.0" }
    google = { source = "hashicorp/google", version = ">= 5.0" }
  }
}

variable "project" {
  default = "my-project"
}

variable "source_bucket" {
  default = "my-gcs-bucket"
}

variable "aws_account" {
  default = "111122223333"
}

variable "aws_role" {
  default = "gcp-copycat"
}

variable "region" {
  default = "eu-central-1"
}

variable "destination_bucket" {
  description = "Existing S3 bucket that receives the copies."
  default     = "my-s3-bucket"
}

variable "abort_unfinished_uploads" {
  description = "Whether to replace the lifecycle configuration of the destination bucket. If false, add the rule to yours."
  type        = bool
  default     = true
}

variable "state_bucket" {
  description = "S3 bucket to create for the checkpoint and the manifest. Empty: both are on a disk, and no bucket is created."
  default     = ""
}

variable "kms_key" {
  description = "ARN of the KMS key that encrypts the objects in the destination bucket. Empty: no KMS key."
  default     = ""
}

variable "quota_project" {
  description = "Google project that pays for requests to a requester-pays bucket. Empty: the bucket's owner pays."
  default     = ""
}

variable "trust_policy" {
  description = "Path of the trust policy of the AWS role: the trust-policy.json of the sample for EC2, ECS, Lambda or EKS."
}

locals {
  # The ARN of a session of the role, without the session name.
  role = "arn:aws:sts::${var.aws_account}:assumed-role/${var.aws_role}"
}

provider "google" {
  project = var.project
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.aws_account]
}

resource "google_project_service" "api" {
  for_each           = toset(["iam.googleapis.com", "iamcredentials.googleapis.com", "sts.googleapis.com"])
  service            = each.key
  disable_on_destroy = false
}

resource "google_iam_workload_identity_pool" "aws" {
  workload_identity_pool_id = "aws-pool"
  depends_on                = [google_project_service.api]
}

resource "google_iam_workload_identity_pool_provider" "prod" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.aws.workload_identity_pool_id
  workload_identity_pool_provider_id = "prod"
  # The attribute is the session's ARN without the session name. The condition accepts only that role of the account. A subject has at most 127 bytes: a role with a name longer than 23 characters requires
  # assertion.arn.extract('assumed-role/{role_and_session}').
  attribute_mapping = {
    "google.subject"     = "assertion.arn"
    "attribute.aws_role" = "assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/')"
  }
  attribute_condition = "attribute.aws_role == '${local.role}'"
  aws {
    account_id = var.aws_account
  }
}

resource "google_service_account" "copycat" {
  account_id = "gcp-copycat"
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
  name               = var.aws_role
  assume_role_policy = file(var.trust_policy)
}

# The permissions below are for S3. Getting a Google token requires no AWS permission.
resource "aws_iam_role_policy" "copycat" {
  name   = "write-to-s3"
  role   = aws_iam_role.copycat.name
  policy = templatefile("${path.module}/role-policy.json", { destination_bucket = var.destination_bucket })
}

resource "aws_iam_role_policy" "state" {
  count  = var.state_bucket == "" ? 0 : 1
  name   = "state"
  role   = aws_iam_role.copycat.name
  policy = templatefile("${path.module}/state-policy.json", { state_bucket = var.state_bucket })
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
  name = "gcp-copycat-alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = templatefile("${path.module}/topic-policy.json", {
    topic   = aws_sns_topic.alarms.arn
    account = var.aws_account
    region  = var.region
  })
}

output "audience" {
  value = "//iam.googleapis.com/${google_iam_workload_identity_pool_provider.prod.name}"
}

output "service_account" {
  value = google_service_account.copycat.email
}

output "topic" {
  value = aws_sns_topic.alarms.arn
}
