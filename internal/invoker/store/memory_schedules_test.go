package store_test

import (
	"context"
	"maps"
	"slices"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

func (m *memory) Schedules(context.Context) (all []ledger.Schedule, err error) {
	defer m.lock()()
	for _, name := range slices.Sorted(maps.Keys(m.schedules)) {
		all = append(all, m.schedules[name])
	}
	return all, nil
}

func (m *memory) Schedule(_ context.Context, name string) (ledger.Schedule, error) {
	defer m.lock()()
	if s, ok := m.schedules[name]; ok {
		return s, nil
	}
	return ledger.Schedule{}, store.NotFound("schedule " + name)
}

func (m *memory) SaveSchedules(_ context.Context, states []ledger.Schedule) (saved []ledger.Schedule, err error) {
	defer m.lock()()
	for _, s := range states {
		if m.schedules[s.Name].Version == s.Version {
			if s.Version++; s.Version == 1 {
				s.Version = s.FirstVersion()
			}
			m.schedules[s.Name] = s
			saved = append(saved, s)
		}
	}
	return saved, nil
}

func (m *memory) RemoveSchedule(_ context.Context, name string, version int64) (bool, error) {
	defer m.lock()()
	if s, ok := m.schedules[name]; !ok || s.Version != version {
		return false, nil
	}
	delete(m.schedules, name)
	return true, nil
}
