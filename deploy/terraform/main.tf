# The invoker as a Cloud Run service, with its invocations in Cloud SQL. It starts jobs that exist
# already. See docs/deploy.md.
#
#   module "runwith" {
#     source     = "github.com/runwith/runwith//deploy/terraform"
#     project    = "my-project"
#     region     = "us-east4"
#     image      = "us-central1-docker.pkg.dev/my-project/my-repository/test-invoke-job-api-svc:latest"
#     jobs       = ["test-job"]
#     config     = file("runwith.yaml")
#     callers    = ["serviceAccount:api@my-project.iam.gserviceaccount.com"]
#   }

terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.5"
    }
  }
}

locals {
  member = "serviceAccount:${google_service_account.invoker.email}"
  serve = concat(
    ["serve", "--project=${var.project}", "--region=${var.region}", "--allow-host=.run.app"],
    var.config == null ? ["--allow-unauthenticated"] : ["--config=/etc/runwith/runwith.yaml"],
  )
  # Each is mounted at a path or set as a variable of the service.
  secrets = merge(
    { "${var.name}-store" = local.store },
    var.config == null ? {} : { "${var.name}-config" = var.config },
  )
  store = join("", [
    "postgres://${google_sql_user.invoker.name}:${random_password.invoker.result}@/${google_sql_database.invoker.name}",
    "?host=/cloudsql/${google_sql_database_instance.invoker.connection_name}&pool_max_conns=${var.connections}",
  ])
}

resource "google_service_account" "invoker" {
  project      = var.project
  account_id   = var.name
  display_name = "the invoker ${var.name}"
}

# The database.

resource "google_sql_database_instance" "invoker" {
  project             = var.project
  name                = var.name
  region              = var.region
  database_version    = "POSTGRES_17"
  deletion_protection = var.deletion_protection

  settings {
    edition           = "ENTERPRISE"
    tier              = var.tier
    availability_type = var.availability_type

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
    }
  }
}

resource "google_sql_database" "invoker" {
  project  = var.project
  instance = google_sql_database_instance.invoker.name
  name     = "runwith"
}

resource "random_password" "invoker" {
  length  = 48
  special = false # it stands in a URL
}

resource "google_sql_user" "invoker" {
  project  = var.project
  instance = google_sql_database_instance.invoker.name
  name     = "runwith"
  password = random_password.invoker.result
}

# What the service reads from Secret Manager: the URL of the database, and runwith.yaml.

resource "google_secret_manager_secret" "invoker" {
  for_each  = nonsensitive(toset(keys(local.secrets)))
  project   = var.project
  secret_id = each.key

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "invoker" {
  for_each    = google_secret_manager_secret.invoker
  secret      = each.value.id
  secret_data = local.secrets[each.key]
}

resource "google_secret_manager_secret_iam_member" "invoker" {
  for_each  = google_secret_manager_secret.invoker
  project   = var.project
  secret_id = each.value.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = local.member
}

# What the service may do. Operations and logs belong to the project, so the roles for reading them
# do too.

resource "google_cloud_run_v2_job_iam_member" "invoker" {
  for_each = var.jobs
  project  = var.project
  location = var.region
  name     = each.key
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = local.member
}

resource "google_project_iam_member" "invoker" {
  for_each = toset(["roles/cloudsql.client", "roles/logging.viewer", "roles/run.viewer"])
  project  = var.project
  role     = each.key
  member   = local.member
}

resource "google_cloud_run_v2_service_iam_member" "callers" {
  for_each = var.callers
  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.invoker.name
  role     = "roles/run.invoker"
  member   = each.key
}

# The service. It needs its CPU between requests, to notice ends and to send callbacks, unless a
# schedule calls its tick.

resource "google_cloud_run_v2_service" "invoker" {
  project             = var.project
  name                = var.name
  location            = var.region
  deletion_protection = var.deletion_protection

  template {
    service_account = google_service_account.invoker.email

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image
      args  = local.serve

      env {
        name = "RUNWITH_STORE"
        value_source {
          secret_key_ref {
            secret  = google_secret_manager_secret.invoker["${var.name}-store"].secret_id
            version = "latest"
          }
        }
      }

      resources {
        limits            = { cpu = "1", memory = "512Mi" }
        cpu_idle          = var.min_instances == 0
        startup_cpu_boost = true
      }

      volume_mounts {
        name       = "cloudsql"
        mount_path = "/cloudsql"
      }

      dynamic "volume_mounts" {
        for_each = var.config == null ? [] : ["config"]
        content {
          name       = "config"
          mount_path = "/etc/runwith"
        }
      }
    }

    volumes {
      name = "cloudsql"
      cloud_sql_instance {
        instances = [google_sql_database_instance.invoker.connection_name]
      }
    }

    dynamic "volumes" {
      for_each = var.config == null ? [] : ["config"]
      content {
        name = "config"
        secret {
          secret = google_secret_manager_secret.invoker["${var.name}-config"].secret_id
          items {
            version = "latest"
            path    = "runwith.yaml"
          }
        }
      }
    }
  }

  depends_on = [
    google_project_iam_member.invoker,
    google_secret_manager_secret_iam_member.invoker,
    google_secret_manager_secret_version.invoker,
  ]
}
