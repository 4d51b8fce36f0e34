# gcp_copycat on Lambda. Its state is in this folder, so no other host's role changes. It writes the files below to rendered/.

variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "aws_account" {
  description = "AWS account id."
  type        = string
}

variable "region" {
  description = "AWS region. It also decides the partition."
  type        = string
}

variable "source_bucket" {
  description = "Existing Cloud Storage bucket to copy."
  type        = string
}

variable "destination_bucket" {
  description = "Existing S3 bucket that receives the copies."
  type        = string
}

variable "state_bucket" {
  description = "S3 bucket to create for the checkpoint and the manifest."
  type        = string
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

variable "abort_unfinished_uploads" {
  description = "Whether to replace the whole lifecycle configuration of the destination bucket. If false, add the rule to yours."
  type        = bool
  default     = false
}

provider "google" {
  project = var.project
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.aws_account]
}

module "copycat" {
  source                   = "../terraform"
  name                     = "copycat-lambda"
  aws_account              = var.aws_account
  region                   = var.region
  source_bucket            = var.source_bucket
  destination_bucket       = var.destination_bucket
  state_bucket             = var.state_bucket
  kms_key                  = var.kms_key
  quota_project            = var.quota_project
  abort_unfinished_uploads = var.abort_unfinished_uploads
  folder                   = path.module
  trust_policy             = "trust-policy.json"
  files                    = ["function.json"]
}

output "topic" {
  value = module.copycat.topic
}
