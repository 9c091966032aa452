package schedule

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// sync reads the states of all schedules, and begins those that are new or have another timing.
// Only the process that handles slots writes them: others may have another configuration.
func (s *Schedules) sync(ctx context.Context) error {
	s.making.Lock()
	defer s.making.Unlock()
	rows, err := s.config.Store.Schedules(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	plans := maps.Clone(s.plans)
	s.mu.Unlock()
	if plans == nil {
		plans = map[string]*Plan{}
	}
	stored := map[string]ledger.Schedule{}
	for _, row := range rows {
		stored[row.Name] = row
		if plans[row.Name] != nil {
			continue
		}
		if plan := s.planOf(row); plan != nil {
			plans[row.Name] = plan
		} else if len(row.Spec) == 0 && s.config.Configured && s.drives() {
			if _, err := s.config.Store.RemoveSchedule(ctx, row.Name, row.Version); err != nil {
				return err
			}
		}
	}
	if err := s.begin(ctx, plans, stored); err != nil {
		return err
	}
	s.replace(plans, stored)
	return nil
}

// planOf returns the plan of a schedule that the API has made. It is nil for a state without one.
func (s *Schedules) planOf(row ledger.Schedule) *Plan {
	if len(row.Spec) == 0 {
		return nil
	}
	if p := s.compiled(row); p != nil {
		return p
	}
	var spec runwith.ScheduleSpec
	if err := decodeSpec(row.Spec, &spec); err != nil {
		s.logger.Error("schedule cannot be read, so it starts nothing: set it again", "schedule", row.Name, "error", err)
		return nil
	}
	sound := true
	plan := compile(row.Name, spec, runwith.OriginAPI, func(field, _ string, _ ...any) {
		sound = false
		s.logger.Error("schedule has a mistake, so it starts nothing: set it again", "schedule", row.Name, "field", field)
	})
	if !sound {
		return nil
	}
	plan.text = row.Spec
	return plan
}

// compiled returns the plan of a schedule that has not changed since it was compiled, or nil.
func (s *Schedules) compiled(row ledger.Schedule) *Plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[row.Name]; e != nil && e.plan.origin == runwith.OriginAPI && !e.plan.outdated(row) {
		return e.plan
	}
	return nil
}

// begin saves the states of schedules that are new, or have another timing or origin.
func (s *Schedules) begin(ctx context.Context, plans map[string]*Plan, stored map[string]ledger.Schedule) error {
	var begun []ledger.Schedule
	now := s.now()
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		plan, row := plans[name], stored[name]
		taken := plan.origin == runwith.OriginFile && len(row.Spec) > 0
		if row.Version > 0 && row.Timing == plan.timing() && !taken {
			continue
		}
		if taken {
			s.logger.Warn("schedule of the API is replaced by the configuration's", "schedule", name)
		}
		from := now
		if s.config.Ephemeral && row.Version == 0 { // its state may be lost; keys protect its slots
			from = now.Add(-plan.catchUp)
		}
		if row.Timing != plan.timing() {
			row = row.Restarted(plan.timing(), from)
		}
		row.Name = name
		if plan.origin == runwith.OriginFile {
			row.Spec = nil
		}
		begun = append(begun, row)
	}
	if !s.drives() {
		for _, row := range begun {
			stored[row.Name] = row
		}
		return nil
	}
	if len(begun) == 0 {
		return nil
	}
	saved, err := s.config.Store.SaveSchedules(ctx, begun)
	for _, row := range saved {
		stored[row.Name] = row
	}
	return err
}

// replace takes plans and states into use. A state that another process has just changed is
// read again when its slot is due. A slot that could not start waits on.
func (s *Schedules) replace(plans map[string]*Plan, stored map[string]ledger.Schedule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, e := range s.entries {
		if plans[name] == nil {
			e.gone = true
			delete(s.entries, name)
			s.moved = append(s.moved, e)
		}
	}
	for name, plan := range plans {
		e := s.entries[name]
		if e == nil {
			e = &entry{index: -1}
			s.entries[name] = e
		}
		if row := stored[name]; row.Version >= e.row.Version {
			e.row = row
		}
		if e.plan != plan {
			e.plan, e.tries, e.trouble = plan, 0, nil
		}
		if !e.busy && !s.retries(e) {
			e.wake = s.wakeOf(e)
		}
		s.moved = append(s.moved, e)
	}
}

// decodeSpec reads what encodeSpec returned. Numbers keep their digits.
func decodeSpec(text []byte, spec *runwith.ScheduleSpec) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(spec)
}

// encodeSpec stores a schedule that the API has made.
func encodeSpec(spec runwith.ScheduleSpec) []byte {
	text, _ := json.Marshal(spec) // it came as JSON
	return text
}
