package api

import (
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/api/partial"
	"github.com/runwith/runwith/internal/engine/googlejson"
	"github.com/runwith/runwith/internal/jobspec"
)

// cloudRun are the hosts at which Cloud Run and Cloud Logging answer.
var cloudRun = []string{runService, loggingService}

// service is a gRPC service and the place of its methods' annotations.
type service struct {
	desc  *grpc.ServiceDesc
	impl  any
	file  protoreflect.FileDescriptor
	rules map[string]*annotations.HttpRule // by method, instead of its annotation; nil has no path
}

// binding is a gRPC method at one HTTP method and path.
type binding struct {
	body   string // the field that the body sets; "*" is the whole request, "" none
	impl   any
	method grpc.MethodDesc
	own    ownProject
}

// addService adds the routes of a gRPC service.
func (t *router) addService(svc service, intercept grpc.UnaryServerInterceptor) error {
	for _, method := range svc.desc.Methods {
		for _, rule := range svc.rulesOf(method.MethodName) {
			b := &binding{rule.Body, svc.impl, method, t.own}
			verb, path := verbAndPath(rule)
			answer := func(c *call) ([]byte, error) { return b.call(c, intercept) }
			if err := t.add(route{services: cloudRun, verb: verb, answer: answer, shape: svc.answerOf(method.MethodName)}, path); err != nil {
				return fmt.Errorf("route %s.%s: %w", svc.desc.ServiceName, method.MethodName, err)
			}
		}
	}
	return nil
}

// answerOf returns the shape of a method's answers.
func (s *service) answerOf(method string) partial.Shape {
	name := protoreflect.FullName(s.desc.ServiceName)
	return shapeOf(s.file.Services().ByName(name.Name()).Methods().ByName(protoreflect.Name(method)).Output())
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

// verbAndPath returns the HTTP method and the path template of a rule.
func verbAndPath(rule *annotations.HttpRule) (verb, path string) {
	switch p := rule.Pattern.(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	}
	return "", "{" // which does not compile
}

// call calls the gRPC method in this process, as a gRPC server would.
func (b *binding) call(c *call, intercept grpc.UnaryServerInterceptor) ([]byte, error) {
	body, err := readAll(c.Body)
	if err != nil {
		return nil, err
	}
	decode := func(into any) error {
		message, ok := into.(proto.Message)
		if !ok {
			return fmt.Errorf("request %T is no message", into)
		}
		return b.decode(message, c, body)
	}
	// gRPC's own transport hands the user agent to methods in this way.
	ctx := metadata.NewIncomingContext(c.Context(), metadata.Pairs("user-agent", c.UserAgent()))
	res, err := b.method.Handler(b.impl, ctx, decode, intercept)
	if err != nil {
		return nil, respelled(err, c.query, body)
	}
	message, ok := res.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("answer %T is no message", res)
	}
	return c.marshal(message)
}

// decode fills a request's message from the body, the query and the path.
func (b *binding) decode(req proto.Message, c *call, body []byte) error {
	if b.body != "" {
		target, err := b.bodyTarget(req.ProtoReflect())
		if err != nil {
			return err
		}
		if err := googlejson.Unmarshal(body, target); err != nil {
			return err
		}
	} else if err := noBody(body); err != nil {
		return err
	}
	q := parameters{into: req.ProtoReflect(), body: b.body != ""}
	if err := q.setAll(c.query); err != nil {
		return err
	}
	for path, value := range c.fields {
		if err := b.setFromPath(req.ProtoReflect(), path, value); err != nil {
			return err
		}
	}
	return nil
}

// setFromPath sets a field that the path of the request names. Clients may send it in the
// body too.
func (b *binding) setFromPath(m protoreflect.Message, path, value string) error {
	name, rest, nested := strings.Cut(path, ".")
	field := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if nested {
		return b.setFromPath(m.Mutable(field).Message(), rest, value)
	}
	if sent := m.Get(field).String(); sent != "" && b.own.named(sent) != b.own.named(value) {
		return runwith.Errorf(runwith.InvalidArgument, "%s: is %s, and the path names %s", name, jobspec.Quote(sent), jobspec.Quote(value))
	}
	m.Set(field, protoreflect.ValueOfString(value))
	return nil
}

// bodyTarget returns the message that the body is read into.
func (b *binding) bodyTarget(req protoreflect.Message) (proto.Message, error) {
	if b.body == "*" {
		return req.Interface(), nil
	}
	field := req.Descriptor().Fields().ByName(protoreflect.Name(b.body))
	if field == nil || field.Message() == nil {
		return nil, fmt.Errorf("body field %q is no message of %s", b.body, req.Descriptor().FullName())
	}
	return req.Mutable(field).Message().Interface(), nil
}
