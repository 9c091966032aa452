package main

import (
	"errors"
	"io"
	"log"
	"net/http"

	"github.com/runwith/runwith"
)

// callback takes an event of an invocation. runwith sends each event at least once, in no
// certain order, until it is answered with a status below 300.
func (a *api) callback(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		answer(w, http.StatusBadRequest, problem("the body cannot be read"))
		return
	}
	event, err := runwith.VerifyCallback(r.Header, body, a.secret)
	if err != nil {
		answer(w, runwith.CodeOf(err).HTTPStatus(), problem(err.Error()))
		return
	}
	err = a.change(event.Data.Labels["document"], func(d *document) {
		if event.Data.Version > d.Version { // or it is older than what we know
			d.Invocation, d.Version = event.Data.ID, event.Data.Version
			d.follow(event.Data.State, event.Data.Error)
		}
	})
	if err != nil && !errors.Is(err, errNoDocument) { // one that was removed is no reason to send it again
		log.Printf("event %s: %v", event.ID, err)
		answer(w, http.StatusInternalServerError, problem("the event cannot be saved, send it again"))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
