package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/engine/api/v1"
)

// restV1 serves Cloud Run's v1 API over HTTP and JSON, and hands everything else on.
type restV1 struct {
	routes    []v1Route
	intercept grpc.UnaryServerInterceptor
	next      http.Handler
}

type v1Route struct {
	v1.Method
	path *pathTemplate
}

func newV1(c Config, intercept grpc.UnaryServerInterceptor, next http.Handler) (*restV1, error) {
	h := &restV1{intercept: intercept, next: next}
	api := &v1.API{Config: v1.Config{Engine: c.Engine, Project: c.Project, ProjectNumber: c.ProjectNumber, Region: c.Region}}
	for _, method := range api.Methods() {
		path, err := compilePath(method.Path)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", method.Name, err)
		}
		h.routes = append(h.routes, v1Route{method, path})
	}
	return h, nil
}

// ServeHTTP answers one request, or hands it on.
func (h *restV1) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/apis/") {
		h.next.ServeHTTP(w, r)
		return
	}
	var allowed []string
	for _, route := range h.routes {
		path, ok := route.path.match(r.URL.EscapedPath())
		if ok && route.Verb == r.Method {
			h.call(w, r, route, path)
			return
		}
		if ok {
			allowed = append(allowed, route.Verb)
		}
	}
	refuseMethod(w, r, allowed)
}

func (h *restV1) call(w http.ResponseWriter, r *http.Request, route v1Route, path map[string]string) {
	options, query, err := systemParameters(r.URL.Query())
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	body, err := readAll(r.Body)
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	req := &v1.Request{Host: r.Host, Path: path, Query: query, Body: body, EnumNumbers: options.enumNumbers}
	res, err := h.intercept(r.Context(), req, &grpc.UnaryServerInfo{FullMethod: route.Name}, func(ctx context.Context, _ any) (any, error) {
		return route.Call(ctx, req)
	})
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	raw, err := marshal(res)
	if err != nil {
		apierror.WriteGoogle(w, fmt.Errorf("encode answer: %w", err))
		return
	}
	options.writeJSON(w, raw)
}

// readAll reads a body of at most maxMessage bytes.
func readAll(body io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(body, maxMessage+1))
	if _, refused := errors.AsType[*runwith.Error](err); err != nil && !refused {
		err = runwith.Errorf(runwith.InvalidArgument, "body: cannot be read to its end; send it again")
	}
	if len(raw) > maxMessage {
		err = runwith.Errorf(runwith.InvalidArgument, "the request has more than %d bytes", maxMessage)
	}
	return raw, err
}

// marshal returns an answer as JSON without white space.
func marshal(answer any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(answer)
	return bytes.TrimSpace(out.Bytes()), err
}
