package api

import (
	"context"
	"fmt"
	"net/http"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/engine/api/partial"
)

// masks makes partial answers over gRPC, if a call's metadata has a mask of fields. Over
// REST the router does.
type masks map[string]partial.Shape // of answers, by full method

// shapeOf returns the shape of a message. Every Any in an answer is a job or an execution.
func shapeOf(m protoreflect.MessageDescriptor) partial.Shape {
	return partial.Message(m, (&runpb.Job{}).ProtoReflect().Descriptor(), (&runpb.Execution{}).ProtoReflect().Descriptor())
}

// maskOf returns the mask of a call; nil if it has none.
func maskOf(ctx context.Context) (*partial.Mask, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	s := system{}
	if err := s.readHeader(http.Header{http.CanonicalHeaderKey(maskHeader): md.Get(maskHeader)}); err != nil {
		return nil, err
	}
	return s.mask, nil
}

// intercept runs around every call. It refuses a mask before anything happens.
func (m masks) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	mask, err := maskOf(ctx)
	if err == nil && mask != nil {
		mask, err = m.resolve(mask, info.FullMethod)
	}
	if err != nil {
		return nil, apierror.GRPC(err)
	}
	res, err := handler(ctx, req)
	message, ok := res.(proto.Message)
	if err != nil || mask == nil || !ok {
		return res, err
	}
	return masked(message, mask)
}

func (m masks) resolve(mask *partial.Mask, method string) (*partial.Mask, error) {
	shape, ok := m[method]
	if !ok {
		return nil, runwith.Errorf(runwith.InvalidArgument, "%s: is not served for %s", maskHeader, method)
	}
	resolved, err := mask.For(shape)
	if err != nil {
		return nil, runwith.Errorf(runwith.InvalidArgument, "%s: %v", maskHeader, err)
	}
	return resolved, nil
}

// masked returns a copy of a message that has only the selected fields.
func masked(message proto.Message, mask *partial.Mask) (proto.Message, error) {
	raw, err := protojson.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	if raw, err = mask.Apply(raw); err != nil {
		return nil, fmt.Errorf("filter answer: %w", err)
	}
	kept := message.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal(raw, kept); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return kept, nil
}

// refuseStream refuses a mask for a stream.
func (m masks) refuseStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if mask, err := maskOf(stream.Context()); err != nil || mask != nil {
		return apierror.GRPC(runwith.Errorf(runwith.InvalidArgument, "%s: is not served for streams, leave it out", maskHeader))
	}
	return handler(srv, stream)
}
