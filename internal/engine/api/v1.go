package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"google.golang.org/grpc"

	"github.com/runwith/runwith/internal/engine/api/partial"
	v1 "github.com/runwith/runwith/internal/engine/api/v1"
)

// addV1 adds the routes of Cloud Run v1, which has no gRPC.
func (t *router) addV1(c Config, intercept grpc.UnaryServerInterceptor) error {
	api := &v1.API{Config: v1.Config{Engine: c.Engine, Project: c.Project, ProjectNumber: c.ProjectNumber, Region: c.Region}}
	for _, method := range api.Methods() {
		answer := func(c *call) ([]byte, error) { return callV1(c, method, intercept) }
		if err := t.add(route{services: cloudRun, verb: method.Verb, answer: answer, shape: partial.Struct(method.Answer)}, method.Path); err != nil {
			return fmt.Errorf("route %s: %w", method.Name, err)
		}
	}
	return nil
}

// callV1 calls a method as gRPC calls one of v2.
func callV1(c *call, method v1.Method, intercept grpc.UnaryServerInterceptor) ([]byte, error) {
	body, err := readAll(c.Body)
	if err != nil {
		return nil, err
	}
	if method.Verb == http.MethodGet || method.Verb == http.MethodDelete {
		if err := noBody(body); err != nil {
			return nil, err
		}
	}
	req := &v1.Request{Host: c.Host, Path: c.fields, Query: c.query, Body: body, EnumNumbers: c.enumNumbers}
	info := &grpc.UnaryServerInfo{FullMethod: method.Name}
	res, err := intercept(c.Context(), req, info, func(ctx context.Context, _ any) (any, error) { return method.Call(ctx, req) })
	if err != nil {
		return nil, respelled(err, nil, body)
	}
	return marshal(res)
}

// marshal returns an answer as compact JSON.
func marshal(answer any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
