variable "project" {
  type        = string
  description = "ID of the project that has the jobs and gets the service."
}

variable "region" {
  type        = string
  description = "Region of the jobs, the service and the database, such as us-east4."
}

variable "image" {
  type        = string
  description = "Address of runwith's image in a registry that Cloud Run can read."
}

variable "jobs" {
  type        = set(string)
  description = "IDs of the jobs that the invoker may start. They must exist."
}

variable "name" {
  type        = string
  default     = "runwith"
  description = "Name of the service, its account, the database instance, and its secrets."
}

variable "config" {
  type        = string
  default     = null
  description = "Content of runwith.yaml: callers, jobs, callbacks. Without it, Cloud Run alone checks who calls."
}

variable "callers" {
  type        = set(string)
  default     = []
  description = "Who may call the service through Cloud Run, such as serviceAccount:api@my-project.iam.gserviceaccount.com or allUsers."
}

variable "tier" {
  type        = string
  default     = "db-g1-small"
  description = "Machine type of the database."
}

variable "availability_type" {
  type        = string
  default     = "ZONAL"
  description = "REGIONAL keeps a second copy of the database in another zone, which takes over if the first fails."
}

variable "min_instances" {
  type        = number
  default     = 1
  description = "Instances that always run, with their CPU. With 0, call /api/v1/tick by a schedule."
}

variable "max_instances" {
  type        = number
  default     = 3
  description = "Instances that run at most."
}

variable "connections" {
  type        = number
  default     = 10
  description = "Connections of each instance to the database. The default tier has 50, also for the instances of the next revision."
}

variable "deletion_protection" {
  type        = bool
  default     = true
  description = "Refuses to delete the service and the database."
}
