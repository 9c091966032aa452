package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/runwith/runwith"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 1 << 20

// api is the API of the system.
type api struct {
	folder folder
	jobs   *runwith.Client
	secret string // signs the callbacks

	mu sync.Mutex // one change of a document at a time
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /documents", a.post)
	mux.HandleFunc("GET /documents/{id}", a.get)
	mux.HandleFunc("POST /callbacks", a.callback)
	return mux
}

// post takes a document. It is on disk before its job is started, so a crash between the two
// loses nothing: sweep starts the job then.
func (a *api) post(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Tenant, Text string }
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields()
	if err := body.Decode(&asked); err != nil {
		answer(w, http.StatusBadRequest, problem("the body must be JSON, at most 1 MiB: "+err.Error()))
		return
	}
	if !tenantName.MatchString(asked.Tenant) {
		answer(w, http.StatusBadRequest, problem("tenant: must be at most 32 lower-case letters, digits and hyphens, and begin with a letter"))
		return
	}
	d := &document{ID: strings.ToLower(rand.Text()), Tenant: asked.Tenant, Text: asked.Text, Received: time.Now().UTC(), State: received}
	if err := a.folder.save(d); err != nil {
		log.Printf("document %s: %v", d.ID, err)
		answer(w, http.StatusInternalServerError, problem("the document cannot be saved"))
		return
	}
	a.start(r.Context(), d.ID)
	w.Header().Set("Location", "/documents/"+d.ID)
	a.show(w, http.StatusAccepted, d.ID)
}

// get shows a document.
func (a *api) get(w http.ResponseWriter, r *http.Request) {
	a.show(w, http.StatusOK, r.PathValue("id"))
}

func (a *api) show(w http.ResponseWriter, status int, id string) {
	d, err := a.folder.find(id)
	if errors.Is(err, errNoDocument) {
		answer(w, http.StatusNotFound, problem("there is no document "+id))
		return
	}
	shown := struct {
		ID         string  `json:"id"`
		Tenant     string  `json:"tenant"`
		State      string  `json:"state"`
		Invocation string  `json:"invocation,omitempty"`
		Result     *result `json:"result,omitempty"`
		Error      string  `json:"error,omitempty"`
	}{}
	if err == nil {
		shown.ID, shown.Tenant, shown.State, shown.Invocation, shown.Error = d.ID, d.Tenant, d.State, d.Invocation, d.Error
		if d.State == done {
			var found result
			found, err = a.folder.result(d.Tenant, d.ID)
			shown.Result = &found
		}
	}
	if err != nil {
		log.Printf("document %s: %v", id, err)
		answer(w, http.StatusInternalServerError, problem("the document cannot be read"))
		return
	}
	answer(w, status, shown)
}

func problem(text string) any { return map[string]string{"error": text} }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Printf("answer: %v", err)
	}
}
