package cloudrun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	run "cloud.google.com/go/run/apiv2"
	"golang.org/x/oauth2"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/metrics"
)

const (
	// googleRun serves Cloud Run's gRPC API, and googleLogging Cloud Logging's REST API.
	googleRun, googleLogging = "https://run.googleapis.com", "https://logging.googleapis.com"
	// googleScope is a scope that Cloud Run and Cloud Logging both accept.
	googleScope = "https://www.googleapis.com/auth/cloud-platform"
	// maxReconnect bounds the wait before gRPC connects again to a lost server. gRPC's
	// own default is two minutes.
	maxReconnect = 5 * time.Second
	// logTimeout bounds one read of the log.
	logTimeout = 60 * time.Second
)

// Client calls Cloud Run. Its own project and region are those of jobs that are named by
// their ID alone; a full resource name stands for a job elsewhere. Its methods may be called
// concurrently.
type Client struct {
	location   jobspec.Location
	endpoint   string // as error messages name it
	logger     *slog.Logger
	jobs       *run.JobsClient
	executions *run.ExecutionsClient
	tasks      *run.TasksClient
	http       *http.Client
	logging    string // base URL of Cloud Logging
	maxLog     int64  // bytes of its answers
	closers    []func() error

	calls *metrics.Counter
}

// Dial returns a client. It connects when it is first used, so if Cloud Run cannot be
// reached, the calls fail and not Dial. Dial fails with FAILED_PRECONDITION if Google's
// Cloud Run needs credentials and there are none. The caller closes the client.
func Dial(ctx context.Context, config Config) (_ *Client, err error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Token != nil {
		config.Token = oauth2.ReuseTokenSource(nil, config.Token)
	}
	c := &Client{
		location: config.location(),
		endpoint: cmp.Or(config.Endpoint, googleRun),
		logger:   cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),
		calls:    newCalls(),
		maxLog:   maxAnswer,
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

// Close closes the client's connections. Calls that are out fail.
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
		return noCredentials(err)
	}
	c.http.Timeout = logTimeout
	for _, o := range c.dialOptions() {
		opts = append(opts, option.WithGRPCDialOption(o))
	}
	if err := c.open(ctx, opts...); err != nil {
		return err
	}
	c.closers = append(c.closers, c.jobs.Close, c.executions.Close, c.tasks.Close)
	return nil
}

// dialPlain connects to a Cloud Run on this machine, past any proxy.
func (c *Client) dialPlain(ctx context.Context, config Config) error {
	host, err := config.plainHost()
	if err != nil {
		return err
	}
	opts := append(c.dialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	var transport http.RoundTripper = &http.Transport{Proxy: nil, IdleConnTimeout: time.Minute}
	if config.Token != nil {
		opts = append(opts, grpc.WithPerRPCCredentials(bearer{config.Token}))
		transport = bearerTransport{bearer{config.Token}, transport}
	}
	// The dialer looks the address up. gRPC would also ask for a load balancer's SRV record, and wait
	// for a name server that is out of reach.
	conn, err := grpc.NewClient("passthrough:///"+host, opts...)
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
	if c.tasks, err = run.NewTasksClient(ctx, opts...); err != nil {
		return fmt.Errorf("open client of tasks: %w", err)
	}
	return nil
}

// silent keeps the library from logging requests, which hold the values of environment
// variables. Otherwise a variable of the environment could turn that on.
func silent() option.ClientOption { return option.WithLogger(slog.New(slog.DiscardHandler)) }

// dialOptions are the same for every Cloud Run. gRPC must not retry by itself, nor because
// of a service config from a name server.
func (c *Client) dialOptions() []grpc.DialOption {
	reconnect := backoff.DefaultConfig
	reconnect.BaseDelay = 100 * time.Millisecond
	reconnect.MaxDelay = maxReconnect
	return []grpc.DialOption{
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithStatsHandler(flightRecorder{}),
		grpc.WithChainUnaryInterceptor(c.count, limited),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 20 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
	}
}

// noRedirect keeps the token from following a redirect to another host.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
