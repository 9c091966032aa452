package api

import (
	"context"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/runwith/runwith/internal/engine"
)

// operations is google.longrunning.Operations.
// https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.operations
type operations struct {
	longrunningpb.UnimplementedOperationsServer
	engine *engine.Engine
}

// operationRules are the paths of operations in Cloud Run v2. The annotations in their own
// descriptor have none, because they belong to no product.
var operationRules = map[string]*annotations.HttpRule{
	"GetOperation": {Pattern: &annotations.HttpRule_Get{Get: "/v2/{name=projects/*/locations/*/operations/*}"}},
	"WaitOperation": {
		Pattern: &annotations.HttpRule_Post{Post: "/v2/{name=projects/*/locations/*/operations/*}:wait"},
		Body:    "*",
	},
	"ListOperations":  {Pattern: &annotations.HttpRule_Get{Get: "/v2/{name=projects/*/locations/*}/operations"}},
	"DeleteOperation": {Pattern: &annotations.HttpRule_Delete{Delete: "/v2/{name=projects/*/locations/*/operations/*}"}},
	"CancelOperation": nil, // Cloud Run has no path for it
}

func (s *operations) GetOperation(ctx context.Context, req *longrunningpb.GetOperationRequest) (*longrunningpb.Operation, error) {
	return s.engine.Operation(ctx, req)
}

func (s *operations) WaitOperation(ctx context.Context, req *longrunningpb.WaitOperationRequest) (*longrunningpb.Operation, error) {
	return s.engine.WaitOperation(ctx, req)
}

func (s *operations) ListOperations(ctx context.Context, req *longrunningpb.ListOperationsRequest) (*longrunningpb.ListOperationsResponse, error) {
	return s.engine.Operations(ctx, req)
}

func (s *operations) DeleteOperation(ctx context.Context, req *longrunningpb.DeleteOperationRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.engine.DeleteOperation(ctx, req)
}
