package store_test

import (
	"context"
	"time"
)

func (m *memory) Alone() bool { return true }

func (m *memory) Now() time.Time { return time.Now() }

func (m *memory) Hold(context.Context, string, time.Duration) (int64, error) { return 1, nil }

func (m *memory) Release(context.Context, string) error { return nil }
