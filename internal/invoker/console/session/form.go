package session

import (
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/runwith/runwith"
)

// Token returns the token for the forms of a page. A visitor without a cookie gets one.
func (v *Visitors) Token(w http.ResponseWriter, r *http.Request) string {
	visitor := cookieOf(r, visitorCookie)
	if visitor == "" {
		visitor = rand.Text()
		setCookie(w, r, visitorCookie, visitor, 0)
	}
	return v.tokenOf(visitor, cookieOf(r, sessionCookie))
}

// tokenOf returns the token of a visitor. Who signs in or out gets another one.
func (v *Visitors) tokenOf(visitor, session string) string {
	return v.mac("form", visitor+"\x00"+session)
}

// CheckPost returns why a form is not one of this visitor's pages, or nil. It reads the form.
func (v *Visitors) CheckPost(r *http.Request) error {
	if err := v.origin.Check(r); err != nil {
		return &runwith.Error{Code: runwith.PermissionDenied, Message: "the form was not sent by a page of this server", Err: err}
	}
	if err := r.ParseForm(); err != nil {
		return unreadable(err)
	}
	visitor := cookieOf(r, visitorCookie)
	if visitor == "" {
		return runwith.Errorf(runwith.PermissionDenied, "your browser has sent no cookie with the form: allow cookies of this server, and open the page again")
	}
	want := v.tokenOf(visitor, cookieOf(r, sessionCookie))
	if !hmac.Equal([]byte(r.PostFormValue("token")), []byte(want)) {
		return runwith.Errorf(runwith.PermissionDenied, "the form is of an earlier page, before you signed in or out: open the page again, and repeat what you did")
	}
	return nil
}

// unreadable returns why a form cannot be read: it is too large or too slow, which the guard says,
// or it is not what a browser sends.
func unreadable(err error) error {
	if public, is := errors.AsType[*runwith.Error](err); is {
		return public
	}
	return &runwith.Error{Code: runwith.InvalidArgument, Message: "the form cannot be read: it has too many fields, or is damaged. Nothing was done", Err: err}
}
