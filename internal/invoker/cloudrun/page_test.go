package cloudrun

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// TestLargeExecutionsAreReadInSmallerPages has two executions that do not fit in one answer.
func TestLargeExecutionsAreReadInSmallerPages(t *testing.T) {
	t.Parallel()
	var sizes []int32
	s := &server{executions: func(r *runpb.ListExecutionsRequest) *runpb.ListExecutionsResponse {
		sizes = append(sizes, r.GetPageSize())
		one := large(maxAnswer / 2)
		switch {
		case r.GetPageToken() != "":
			return &runpb.ListExecutionsResponse{Executions: []*runpb.Execution{one}}
		case r.GetPageSize() == 1:
			return &runpb.ListExecutionsResponse{Executions: []*runpb.Execution{one}, NextPageToken: "second"}
		}
		return &runpb.ListExecutionsResponse{Executions: []*runpb.Execution{one, one}}
	}}
	c := s.start(t)
	for _, step := range []struct {
		token, next string
		sizes       []int32
	}{{"", "second", []int32{1000, 100, 10, 1}}, {"second", "", []int32{1000}}} {
		sizes = nil
		page, next, err := c.ExecutionPage(t.Context(), "report", step.token)
		if len(page) != 1 || next != step.next || err != nil {
			t.Errorf("ExecutionPage(%q) = %d executions, token %q, %v, want 1 and token %q", step.token, len(page), next, err, step.next)
		}
		if !slices.Equal(sizes, step.sizes) {
			t.Errorf("ExecutionPage(%q) asked for pages of %v, want %v", step.token, sizes, step.sizes)
		}
	}
}

// TestEmptyPageIsOneRequest has a server whose first pages are empty.
func TestEmptyPageIsOneRequest(t *testing.T) {
	t.Parallel()
	asked := 0
	s := &server{tasks: func(*runpb.ListTasksRequest) *runpb.ListTasksResponse {
		if asked++; asked == 10 {
			return &runpb.ListTasksResponse{}
		}
		return &runpb.ListTasksResponse{NextPageToken: strconv.Itoa(asked)}
	}}
	_, next, err := s.start(t).TaskPage(t.Context(), executionName, "")
	if next != "1" || err != nil {
		t.Errorf("TaskPage() = token %q, %v, want token 1", next, err)
	}
	if asked != 1 {
		t.Errorf("%d requests arrived, want 1", asked)
	}
}

// TestExecutionsEndInACircle has lists that repeat their tokens.
func TestExecutionsEndInACircle(t *testing.T) {
	t.Parallel()
	for name, circle := range map[string]int{"same token": 1, "three tokens": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			s := &server{executions: func(*runpb.ListExecutionsRequest) *runpb.ListExecutionsResponse {
				if asked++; asked == 20 {
					return &runpb.ListExecutionsResponse{}
				}
				return &runpb.ListExecutionsResponse{NextPageToken: strconv.Itoa(asked % circle)}
			}}
			err := failureIn(s.start(t).Executions(t.Context(), "report"))
			if want := "the server's list goes round in a circle"; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("Executions() = %v, want %q", err, want)
			}
		})
	}
}

// failureIn returns the error that ends a sequence.
func failureIn[T any](all iter.Seq2[T, error]) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestListHasAnEnd(t *testing.T) {
	t.Parallel()
	var p Pages
	n, err := 0, error(nil)
	for ; err == nil && n <= MostPages; n++ {
		err = p.Next(fmt.Sprint("page ", n))
	}
	if n != MostPages || runwith.CodeOf(err) != runwith.Internal {
		t.Errorf("list failed after %d pages with %v, want %d pages and INTERNAL", n, err, MostPages)
	}
}
