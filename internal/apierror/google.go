package apierror

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// WriteGoogle writes err as Google's REST APIs do.
// See https://google.aip.dev/193.
func WriteGoogle(w http.ResponseWriter, err error) {
	type body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Status  string `json:"status"`
	}
	e, status := Public(err), Status(err)
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if after := RetryAfter(err); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(map[string]body{"error": {status, e.Error(), e.Code.String()}}) // the caller may have left
}

// WriteText writes the message of err as plain text.
func WriteText(w http.ResponseWriter, err error) {
	http.Error(w, Public(err).Error(), Status(err))
}
