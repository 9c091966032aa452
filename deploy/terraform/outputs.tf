output "url" {
  value       = google_cloud_run_v2_service.invoker.uri
  description = "Address of the invoker."
}

output "account" {
  value       = google_service_account.invoker.email
  description = "Service account of the invoker. Give it roles/run.jobsExecutorWithOverrides on further jobs."
}
