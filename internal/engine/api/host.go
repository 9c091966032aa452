package api

import "strings"

// Services, as they appear in the names of hosts and of APIs.
const (
	runService             = "run"
	loggingService         = "logging"
	serviceUsageService    = "serviceusage"
	resourceManagerService = "cloudresourcemanager"
)

// serviceOf returns the service that a host stands for: that of run.googleapis.com,
// us-east4-run.googleapis.com or serviceusage.localhost. It is empty for any other name
// or address, at which all services answer.
func serviceOf(host string) string {
	name, _, _ := strings.Cut(strings.ToLower(host), ":")
	name = strings.TrimSuffix(name, ".")
	for _, domain := range []string{".localhost", ".googleapis.com"} {
		service, ok := strings.CutSuffix(name, domain)
		switch {
		case !ok:
		case service == runService || strings.HasSuffix(service, "-"+runService):
			return runService
		case service == loggingService, service == serviceUsageService, service == resourceManagerService:
			return service
		}
	}
	return ""
}
