package relay_test

import (
	"context"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	topic        = "projects/demo/topics/uploads"
	deadLetters  = "projects/demo/topics/dead"
	subscription = "projects/demo/subscriptions/uploads"
)

// open returns an in-memory Pub/Sub with a topic and its subscription.
func open(t *testing.T, s *pubsubpb.Subscription) (*pstest.Server, pubsubpb.SubscriberClient) {
	t.Helper()
	server := pstest.NewServer()
	t.Cleanup(func() { _ = server.Close() })
	connection, err := grpc.NewClient(server.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	for _, name := range []string{topic, deadLetters} {
		if _, err := server.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	s.Name, s.Topic, s.AckDeadlineSeconds = subscription, topic, 10
	if _, err := server.GServer.CreateSubscription(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return server, pubsubpb.NewSubscriberClient(connection)
}

// background runs a function until the test has ended, and reports its error.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
