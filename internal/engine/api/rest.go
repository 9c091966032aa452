package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

// rest serves gRPC methods over HTTP and JSON, as their annotations say.
type rest struct {
	routes    []*route
	intercept grpc.UnaryServerInterceptor
}

// service is a gRPC service and where its methods' annotations are.
type service struct {
	desc  *grpc.ServiceDesc
	impl  any
	file  protoreflect.FileDescriptor
	rules map[string]*annotations.HttpRule // by method, instead of its annotation; nil has no path
}

// route is one HTTP method and path of one gRPC method.
type route struct {
	verb   string // HTTP method
	path   *pathTemplate
	body   string // the field that the body sets; "*" is the whole request, "" none
	impl   any
	method grpc.MethodDesc
}

func newREST(services []service, intercept grpc.UnaryServerInterceptor) (*rest, error) {
	h := &rest{intercept: intercept}
	for _, svc := range services {
		for _, method := range svc.desc.Methods {
			for _, rule := range svc.rulesOf(method.MethodName) {
				r, err := newRoute(rule)
				if err != nil {
					return nil, fmt.Errorf("route %s.%s: %w", svc.desc.ServiceName, method.MethodName, err)
				}
				r.impl, r.method = svc.impl, method
				h.routes = append(h.routes, r)
			}
		}
	}
	return h, nil
}

// rulesOf returns the HTTP rules of a method: its annotation and the additional
// bindings in it.
func (s *service) rulesOf(method string) []*annotations.HttpRule {
	rule, own := s.rules[method]
	if !own {
		name := protoreflect.FullName(s.desc.ServiceName)
		options := s.file.Services().ByName(name.Name()).Methods().ByName(protoreflect.Name(method)).Options()
		rule, _ = proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	}
	if rule == nil {
		return nil
	}
	return append([]*annotations.HttpRule{rule}, rule.AdditionalBindings...)
}

func newRoute(rule *annotations.HttpRule) (*route, error) {
	r := &route{body: rule.Body}
	var template string
	switch p := rule.Pattern.(type) {
	case *annotations.HttpRule_Get:
		r.verb, template = http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		r.verb, template = http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		r.verb, template = http.MethodPatch, p.Patch
	case *annotations.HttpRule_Put:
		r.verb, template = http.MethodPut, p.Put
	case *annotations.HttpRule_Delete:
		r.verb, template = http.MethodDelete, p.Delete
	default:
		return nil, fmt.Errorf("pattern %T is not known", p)
	}
	var err error
	r.path, err = compilePath(template)
	return r, err
}

// ServeHTTP answers one REST request.
func (h *rest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, route := range h.routes {
		if route.verb != r.Method {
			continue
		}
		if fields, ok := route.path.match(r.URL.EscapedPath()); ok {
			h.call(w, r, route, fields)
			return
		}
	}
	var allowed []string
	for _, route := range h.routes {
		if _, ok := route.path.match(r.URL.EscapedPath()); ok {
			allowed = append(allowed, route.verb)
		}
	}
	refuseMethod(w, r, allowed)
}

func (h *rest) call(w http.ResponseWriter, r *http.Request, route *route, fields map[string]string) {
	options, query, err := systemParameters(r.URL.Query())
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	res, err := route.invoke(r, fields, query, h.intercept)
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	options.write(w, res)
}

// invoke calls the gRPC method in this process, as a gRPC server would.
func (r *route) invoke(req *http.Request, path map[string]string, query url.Values, intercept grpc.UnaryServerInterceptor) (proto.Message, error) {
	decode := func(into any) error {
		message, ok := into.(proto.Message)
		if !ok {
			return fmt.Errorf("request %T is no message", into)
		}
		return r.decode(message, req.Body, path, query)
	}
	// What gRPC's own transport hands on to methods.
	ctx := metadata.NewIncomingContext(req.Context(), metadata.Pairs("user-agent", req.UserAgent()))
	res, err := r.method.Handler(r.impl, ctx, decode, intercept)
	if err != nil {
		return nil, err
	}
	message, ok := res.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("answer %T is no message", res)
	}
	return message, nil
}

// decode fills a request's message from the body, the query and the path, of which
// each later one wins.
func (r *route) decode(req proto.Message, body io.Reader, path map[string]string, query url.Values) error {
	if r.body != "" {
		target, err := r.bodyTarget(req.ProtoReflect())
		if err != nil {
			return err
		}
		if err := readBody(body, target); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(keys(query)) {
		if err := setField(req.ProtoReflect(), name, query[name]); err != nil {
			return err
		}
	}
	for name, value := range path {
		if err := setField(req.ProtoReflect(), name, []string{value}); err != nil {
			return err
		}
	}
	return nil
}

// bodyTarget is the message that the body is read into.
func (r *route) bodyTarget(req protoreflect.Message) (proto.Message, error) {
	if r.body == "*" {
		return req.Interface(), nil
	}
	field := req.Descriptor().Fields().ByName(protoreflect.Name(r.body))
	if field == nil || field.Message() == nil {
		return nil, fmt.Errorf("body field %q is no message of %s", r.body, req.Descriptor().FullName())
	}
	return req.Mutable(field).Message().Interface(), nil
}

// readBody reads a JSON body; none at all is an empty message.
func readBody(body io.Reader, into proto.Message) error {
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	if err := protojson.Unmarshal(raw, into); err != nil {
		return runwith.Errorf(runwith.InvalidArgument, "body: %s", plain(err))
	}
	return nil
}

// plain is the text of a protojson error without what its authors vary on purpose.
func plain(err error) string {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return strings.TrimPrefix(text, "proto: ")
}

// write encodes an answer. protojson varies its white space on purpose; here that is
// settled.
func (o encoding) write(w http.ResponseWriter, res proto.Message) {
	raw, err := protojson.MarshalOptions{UseEnumNumbers: o.enumNumbers}.Marshal(res)
	if err != nil {
		apierror.WriteGoogle(w, fmt.Errorf("encode answer: %w", err))
		return
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		apierror.WriteGoogle(w, fmt.Errorf("format answer: %w", err))
		return
	}
	o.writeJSON(w, out.Bytes())
}

// writeJSON writes an answer that is JSON without white space already.
func (o encoding) writeJSON(w http.ResponseWriter, raw []byte) {
	if o.pretty {
		var out bytes.Buffer
		if err := json.Indent(&out, raw, "", "  "); err != nil {
			apierror.WriteGoogle(w, fmt.Errorf("format answer: %w", err))
			return
		}
		raw = out.Bytes()
	}
	raw = append(raw, '\n')
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	_, _ = w.Write(raw) // the caller may be gone
}
