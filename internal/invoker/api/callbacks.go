package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/callback"
)

type deliveriesInput struct {
	Invocation string                `query:"invocation" doc:"Only deliveries about this invocation."`
	Endpoint   string                `query:"endpoint" doc:"Only deliveries to this endpoint."`
	State      runwith.DeliveryState `query:"state" enum:"pending,delivered,failed" doc:"Only deliveries in this state."`
	PageSize   int                   `query:"pageSize" minimum:"0" doc:"Maximum number of deliveries to return, at most 1000; 0 leaves it to the server."`
	PageToken  string                `query:"pageToken" doc:"The nextPageToken of the previous page."`
}

type deliveriesOutput struct {
	Body deliveryList
}

type deliveryList struct {
	Deliveries    []runwith.Delivery `json:"deliveries" nullable:"false" doc:"Deliveries, newest first, without their payloads."`
	NextPageToken string             `json:"nextPageToken,omitempty" doc:"Token of the next page; absent on the last."`
}

type deliveryInput struct {
	ID string `path:"id" doc:"ID of the delivery."`
}

type deliveryOutput struct {
	Body runwith.Delivery
}

type endpointsOutput struct {
	Body endpointList
}

type endpointList struct {
	Endpoints []runwith.Endpoint `json:"endpoints" nullable:"false" doc:"Endpoints of the configuration, and others with deliveries."`
}

type endpointInput struct {
	Name string `path:"name" doc:"Name of the endpoint, escaped for a path."`
}

type endpointOutput struct {
	Body runwith.Endpoint
}

type replayedOutput struct {
	Body replayed
}

type replayed struct {
	Replayed int `json:"replayed" doc:"Number of deliveries that are sent again."`
}

func (s *server) routeCallbacks(d huma.API) {
	const deliveries, endpoints = prefix + "/callbacks/deliveries", prefix + "/callbacks/endpoints"
	register(s, d, huma.Operation{
		OperationID: "listDeliveries", Method: http.MethodGet, Path: deliveries,
		Summary: "Deliveries of callbacks, newest first",
	}, s.deliveries)
	register(s, d, huma.Operation{
		OperationID: "getDelivery", Method: http.MethodGet, Path: deliveries + "/{id}",
		Summary: "A delivery with its payload",
	}, s.delivery)
	register(s, d, huma.Operation{
		OperationID: "replayDelivery", Method: http.MethodPost, Path: deliveries + "/{id}/replay",
		Summary: "Send the event of a delivery again",
		Description: description(`Makes the delivery due at once, as if it were new, whatever became of it. The event and its ID are the
			same. An endpoint that is disabled must be enabled first.`),
		Middlewares: huma.Middlewares{s.noBody},
	}, s.replay)
	register(s, d, huma.Operation{
		OperationID: "listEndpoints", Method: http.MethodGet, Path: endpoints,
		Summary: "Receivers of callbacks, with their health",
	}, s.endpoints)
	register(s, d, huma.Operation{
		OperationID: "replayEndpoint", Method: http.MethodPost, Path: endpoints + "/{name}/replay",
		Summary:     "Send the events of all failed deliveries of an endpoint again",
		Middlewares: huma.Middlewares{s.noBody},
	}, s.replayFailed)
	register(s, d, huma.Operation{
		OperationID: "enableEndpoint", Method: http.MethodPost, Path: endpoints + "/{name}/enable",
		Summary: "Enable a disabled endpoint",
		Description: description(`An endpoint is disabled if it answered 410, or if every attempt has failed for five days. Its pending
			deliveries continue when it is enabled. Failed ones must be replayed.`),
		Middlewares: huma.Middlewares{s.noBody},
	}, s.enableEndpoint)
}

func (s *server) deliveries(ctx context.Context, in *deliveriesInput) (*deliveriesOutput, error) {
	page, next, err := s.calls.Deliveries(ctx, callback.Filter{
		Invocation: in.Invocation, Endpoint: in.Endpoint, State: in.State, PageSize: in.PageSize, PageToken: in.PageToken,
	})
	if err != nil {
		return nil, faulty("query", err)
	}
	if page == nil {
		page = []runwith.Delivery{} // [], not null
	}
	return &deliveriesOutput{Body: deliveryList{Deliveries: page, NextPageToken: next}}, nil
}

func (s *server) delivery(ctx context.Context, in *deliveryInput) (*deliveryOutput, error) {
	d, err := s.calls.Delivery(ctx, in.ID)
	return &deliveryOutput{Body: d}, err
}

func (s *server) replay(ctx context.Context, in *deliveryInput) (*deliveryOutput, error) {
	d, err := s.calls.Replay(ctx, in.ID)
	return &deliveryOutput{Body: d}, err
}

func (s *server) replayFailed(ctx context.Context, in *endpointInput) (*replayedOutput, error) {
	n, err := s.calls.ReplayFailed(ctx, in.Name)
	return &replayedOutput{Body: replayed{n}}, err
}

func (s *server) endpoints(ctx context.Context, _ *struct{}) (*endpointsOutput, error) {
	all, err := s.calls.Endpoints(ctx)
	if all == nil {
		all = []runwith.Endpoint{} // [], not null
	}
	return &endpointsOutput{Body: endpointList{all}}, err
}

func (s *server) enableEndpoint(ctx context.Context, in *endpointInput) (*endpointOutput, error) {
	e, err := s.calls.EnableEndpoint(ctx, in.Name)
	return &endpointOutput{Body: e}, err
}
