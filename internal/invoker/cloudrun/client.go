package cloudrun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"time"

	run "cloud.google.com/go/run/apiv2"
	"golang.org/x/oauth2"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

const (
	// googleLogging serves Cloud Logging's REST API.
	googleLogging = "https://logging.googleapis.com"
	// googleScope is the one that Cloud Run and Cloud Logging both take.
	googleScope = "https://www.googleapis.com/auth/cloud-platform"
	// maxReconnect bounds how long gRPC lets a lost server rest before it tries
	// again; its own default is two minutes.
	maxReconnect = 5 * time.Second
	// logTimeout bounds one read of the log.
	logTimeout = 60 * time.Second
)

// Client speaks to one project and region. Its methods may be called
// concurrently.
type Client struct {
	location   jobspec.Location
	endpoint   string // as messages name it
	logger     *slog.Logger
	jobs       *run.JobsClient
	executions *run.ExecutionsClient
	http       *http.Client
	logging    string // base URL of Cloud Logging
	closers    []func() error
}

// Dial returns a client. It connects when it is first used: a Cloud Run that
// cannot be reached is an error of the call. Credentials that Google's Cloud Run
// needs and that are not there are an error of Dial, with FAILED_PRECONDITION.
// The caller closes the client.
func Dial(ctx context.Context, config Config) (_ *Client, err error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Token != nil {
		config.Token = oauth2.ReuseTokenSource(nil, config.Token)
	}
	c := &Client{
		location: config.location(),
		endpoint: cmp.Or(config.Endpoint, "https://run.googleapis.com"),
		logger:   cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),
	}
	defer func() {
		if err != nil {
			_ = c.Close()
		}
	}()
	if config.Endpoint == "" {
		return c, c.dialGoogle(ctx, config)
	}
	return c, c.dialPlain(ctx, config)
}

// Close ends the client's connections. Calls under way fail.
func (c *Client) Close() error {
	var errs []error
	for _, closer := range c.closers {
		errs = append(errs, closer())
	}
	c.closers = nil
	return errors.Join(errs...)
}

// dialGoogle connects to Google's global endpoint, which finds the region by the
// routing header that the library sends.
func (c *Client) dialGoogle(ctx context.Context, config Config) (err error) {
	opts := []option.ClientOption{silent()}
	if config.Token != nil {
		opts = append(opts, option.WithTokenSource(config.Token))
	}
	c.logging = googleLogging
	c.http, _, err = htransport.NewClient(ctx, append(opts, option.WithScopes(googleScope))...)
	if err != nil {
		return &runwith.Error{Code: runwith.FailedPrecondition, Err: err,
			Message: "no credentials for Google's Cloud Run: run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or name another Cloud Run with --endpoint"}
	}
	c.http.Timeout = logTimeout
	for _, o := range dialOptions() {
		opts = append(opts, option.WithGRPCDialOption(o))
	}
	if err := c.open(ctx, opts...); err != nil {
		return err
	}
	c.closers = append(c.closers, c.jobs.Close, c.executions.Close)
	return nil
}

// dialPlain connects to a Cloud Run on this machine, past any proxy.
func (c *Client) dialPlain(ctx context.Context, config Config) error {
	host, err := config.plainHost()
	if err != nil {
		return err
	}
	opts := append(dialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	var transport http.RoundTripper = &http.Transport{Proxy: nil, IdleConnTimeout: time.Minute}
	if config.Token != nil {
		opts = append(opts, grpc.WithPerRPCCredentials(bearer{config.Token}))
		transport = bearerTransport{bearer{config.Token}, transport}
	}
	conn, err := grpc.NewClient(host, opts...)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", config.Endpoint, err)
	}
	c.closers = append(c.closers, conn.Close)
	c.logging = "http://" + host
	c.http = &http.Client{Transport: transport, Timeout: logTimeout, CheckRedirect: noRedirect}
	return c.open(ctx, option.WithGRPCConn(conn), option.WithoutAuthentication(), silent())
}

func (c *Client) open(ctx context.Context, opts ...option.ClientOption) (err error) {
	if c.jobs, err = run.NewJobsClient(ctx, opts...); err != nil {
		return fmt.Errorf("open client of jobs: %w", err)
	}
	if c.executions, err = run.NewExecutionsClient(ctx, opts...); err != nil {
		return fmt.Errorf("open client of executions: %w", err)
	}
	return nil
}

// silent keeps the library, which an environment variable can make talk, from
// logging requests: they hold the values of environment variables.
func silent() option.ClientOption { return option.WithLogger(slog.New(slog.DiscardHandler)) }

// dialOptions are the same for every Cloud Run. gRPC must repeat nothing by
// itself, nor by what a name server says in a service config.
func dialOptions() []grpc.DialOption {
	reconnect := backoff.DefaultConfig
	reconnect.BaseDelay = 100 * time.Millisecond
	reconnect.MaxDelay = maxReconnect
	return []grpc.DialOption{
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithStatsHandler(flightRecorder{}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 20 * time.Second}),
		// A limit here would turn the answer to a run into RESOURCE_EXHAUSTED.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
	}
}

// noRedirect keeps the token from following a redirect to another host.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
