package auth

import (
	"net/http"
	"time"

	"github.com/runwith/runwith"
)

// Behind Cloud Run's IAM check, a service gets the token of its caller with this text
// instead of the signature. Cloud Run has then verified the token, and this server cannot.
//
// See https://cloud.google.com/run/docs/authenticating/service-to-service.
const signatureRemoved = "SIGNATURE_REMOVED_BY_GOOGLE"

// serverlessHeader takes the place of Authorization for Cloud Run. If a request has both,
// Cloud Run checks this one and passes Authorization on as it is.
const serverlessHeader = "X-Serverless-Authorization"

// checkedByCloudRun returns why Cloud Run has not checked a token without signature in
// Authorization, or nil. It only counts if the configuration says that Cloud Run checks.
func checkedByCloudRun(r *http.Request) *refusal {
	if _, other := r.Header[serverlessHeader]; other {
		// Cloud Run has checked the other one. The sender may have written this one.
		return refuse(reasonSignature, runwith.Unauthenticated,
			"the ID token in Authorization has no signature, and Cloud Run has not checked it, because the request has X-Serverless-Authorization too")
	}
	return nil
}

// trust returns why a token that Cloud Run has checked is not valid here, or nil.
func (t *token) trust(now time.Time) *refusal {
	if t.issuer != google {
		return refuse(reasonIssuer, runwith.Unauthenticated,
			"the ID token without signature names the issuer %s: Cloud Run's IAM check accepts only Google's", quote(t.issuer))
	}
	return t.claims.checkTimes(now)
}
