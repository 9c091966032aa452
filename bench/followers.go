package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/runwith/runwith"
)

const (
	// followers is the number of clients that follow a log and never read.
	followers = 2000
	// talkJob prints much and then waits.
	talkJob = "bench-talk"
	// followersTarget bounds the memory that the server adds for all of them, in bytes, and
	// descriptorsTarget the descriptors, as a multiple of the connections.
	followersTarget, descriptorsTarget = 128 << 20, 1.05
	// settling is how long the memory has to stay the same, and settled the longest wait for
	// that, which is shorter than the time after which the server gives such a client up.
	settling, settled = time.Second, 15 * time.Second
)

// measureFollowers measures what clients cost that follow a log and never read: over HTTP,
// and through TailLogEntries.
func measureFollowers(ctx context.Context, b *bench) ([]row, error) {
	n := b.clientsOr(followers)
	bare, err := added(ctx, b.floor.server, func() (func(), error) { return followHTTP(b.floor.restAddr, "/followed", n) })
	if err != nil {
		return nil, err
	}
	real, err := b.followed(ctx, "http", func(addr, path string) (func(), error) { return followHTTP(addr, path, n) })
	if err != nil {
		return nil, err
	}
	tailed, err := b.followed(ctx, "grpc", func(addr, _ string) (func(), error) { return followGRPC(ctx, addr, n) })
	if err != nil {
		return nil, err
	}
	what, handler := fmt.Sprintf("%d clients that follow a log and never read: ", n), "the same at a net/http handler that writes from one buffer"
	rows := []row{
		newRow(what+"memory", bytesHeld, []float64{real.memory}).beside(handler, []float64{bare.memory}).within(followersTarget),
		newRow(what+"memory, by TailLogEntries", bytesHeld, []float64{tailed.memory}).within(followersTarget),
	}
	if bare.descriptors > 0 { // 0 without /proc
		rows = append(rows, newRow(what+"descriptors", number, []float64{real.descriptors}).beside(handler, []float64{bare.descriptors}).times(descriptorsTarget))
	}
	return rows, nil
}

// followed returns the cost that clients add to a server of their own.
func (b *bench) followed(ctx context.Context, name string, connect func(addr, path string) (leave func(), err error)) (_ cost, err error) {
	up, err := b.startUp(ctx, filepath.Join(b.dir, "followed-"+name))
	if err != nil {
		return cost{}, err
	}
	defer func() { err = errors.Join(err, up.stop()) }()
	path, err := b.talk(ctx, up.addr)
	if err != nil {
		return cost{}, err
	}
	return added(ctx, up, func() (func(), error) { return connect(up.addr, path) })
}

// talk starts a job that prints much, and returns the path of its followed log once
// everything is printed.
func (b *bench) talk(ctx context.Context, addr string) (_ string, err error) {
	c, err := dial(ctx, addr)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	err = c.create(ctx, talkJob, &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
		Containers: []*runpb.Container{{Image: "talk", Command: []string{b.floor.binary, "talk"}}},
	}})
	if err != nil {
		return "", err
	}
	client := &runwith.Client{Server: "http://" + addr}
	i, err := client.Run(ctx, talkJob, nil)
	if err != nil {
		return "", fmt.Errorf("start the job that prints: %w", err)
	}
	for line, err := range client.Logs(ctx, i.ID, &runwith.LogsOptions{Follow: true}) {
		if err != nil {
			return "", fmt.Errorf("follow the job that prints: %w", err)
		}
		if line.Text == "done" {
			return "/api/v1/invocations/" + i.ID + "/logs?follow=true", nil
		}
	}
	return "", errors.New("the job that prints has ended")
}

// cost is what a server holds.
type cost struct{ memory, descriptors float64 }

func (s *server) cost(ctx context.Context) (c cost, err error) {
	if c.memory, err = s.resident(ctx); err != nil {
		return c, err
	}
	open, err := os.ReadDir("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/fd")
	if err == nil {
		c.descriptors = float64(len(open))
	}
	return c, nil
}

// added returns the largest cost that clients add to a server until its memory settles.
func added(ctx context.Context, s *server, connect func() (leave func(), err error)) (most cost, err error) {
	before, err := s.cost(ctx)
	if err != nil {
		return cost{}, err
	}
	leave, err := connect()
	if err != nil {
		return cost{}, err
	}
	defer leave()
	begin := time.Now()
	for changed := begin; time.Since(changed) < settling && time.Since(begin) < settled; {
		now, err := s.cost(ctx)
		if err != nil {
			return cost{}, err
		}
		if now.memory > most.memory {
			most.memory, changed = now.memory, time.Now()
		}
		most.descriptors = max(most.descriptors, now.descriptors)
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return cost{}, err
		}
	}
	page := float64(os.Getpagesize())
	return cost{max(page, most.memory-before.memory), most.descriptors - before.descriptors}, nil
}

// followHTTP sends so many requests and reads no answer.
func followHTTP(addr, path string, n int) (leave func(), err error) {
	var conns []net.Conn
	leave = func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
	for range n {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			leave()
			return nil, err
		}
		conns = append(conns, conn)
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, addr); err != nil {
			leave()
			return nil, err
		}
	}
	return leave, nil
}

// streamsEach is the number of streams of a connection.
const streamsEach = 100

// followGRPC opens so many streams and reads none, then starts the job that prints.
func followGRPC(ctx context.Context, addr string, n int) (leave func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var conns []*grpc.ClientConn
	leave = func() {
		cancel()
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
	for i := range n {
		if i%streamsEach == 0 {
			conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
			if err != nil {
				leave()
				return nil, err
			}
			conns = append(conns, conn)
		}
		stream, err := loggingpb.NewLoggingServiceV2Client(conns[len(conns)-1]).TailLogEntries(ctx)
		if err == nil {
			err = stream.Send(&loggingpb.TailLogEntriesRequest{ResourceNames: []string{"projects/demo"}})
		}
		if err != nil {
			leave()
			return nil, fmt.Errorf("follow: %w", err)
		}
	}
	client := &runwith.Client{Server: "http://" + addr}
	if _, err := client.Run(ctx, talkJob, nil); err != nil {
		leave()
		return nil, fmt.Errorf("start the job that prints: %w", err)
	}
	return leave, nil
}
