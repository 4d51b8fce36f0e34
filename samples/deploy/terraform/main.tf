# Both clouds' side of one workload: an AWS role, and a Google service account that the role alone may impersonate.
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

variable "trust_policy" {
  description = "Who may take the AWS role: the trust-policy.json of the sample for EC2, ECS, Lambda or EKS."
}

locals {
  # As AWS STS names whoever has taken the role, without the session.
  role = "arn:aws:sts::${var.aws_account}:assumed-role/${var.aws_role}"
}

provider "google" {
  project = var.project
}

provider "aws" {
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
  # The role is what is left of the ARN without the session; and of the account, that role alone may come. A subject has
  # 127 bytes at most, so that a role whose name is longer than 23 wants assertion.arn.extract('assumed-role/{role_and_session}').
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

resource "aws_iam_role" "copycat" {
  name               = var.aws_role
  assume_role_policy = file(var.trust_policy)
}

# For S3. Google needs nothing of the role.
resource "aws_iam_role_policy" "copycat" {
  name   = "write-to-s3"
  role   = aws_iam_role.copycat.name
  policy = file("${path.module}/role-policy.json")
}

output "audience" {
  value = "//iam.googleapis.com/${google_iam_workload_identity_pool_provider.prod.name}"
}

output "service_account" {
  value = google_service_account.copycat.email
}
