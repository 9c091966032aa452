package knative

import (
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Condition is a condition of an object. Status is always set, because gcloud fails
// without it.
//
// Deviation: the status Unknown means both pending and running.
//
// https://cloud.google.com/run/docs/reference/rest/v1/Condition
type Condition struct {
	Type               string `json:"type"`
	Status             string `json:"status"` // True, False or Unknown
	Reason             string `json:"reason,omitempty"`
	Message            string `json:"message,omitempty"`
	LastTransitionTime string `json:"lastTransitionTime,omitempty"`
	Severity           string `json:"severity,omitempty"` // Error, Warning or Info
}

// The values of a condition's status.
const (
	statusTrue    = "True"
	statusFalse   = "False"
	statusUnknown = "Unknown"
)

func fromConditions(conditions []*runpb.Condition) []Condition {
	var all []Condition
	for _, c := range conditions {
		all = append(all, fromCondition(c))
	}
	return all
}

func fromCondition(c *runpb.Condition) Condition {
	return Condition{
		Type:               c.GetType(),
		Status:             statusOf(c.GetState()),
		Reason:             reasonOf(c),
		Message:            c.GetMessage(),
		LastTransitionTime: timeText(c.GetLastTransitionTime()),
		Severity:           camelName(c.GetSeverity()),
	}
}

func statusOf(state runpb.Condition_State) string {
	switch state {
	case runpb.Condition_CONDITION_SUCCEEDED:
		return statusTrue
	case runpb.Condition_CONDITION_FAILED:
		return statusFalse
	}
	return statusUnknown
}

// reasonOf returns a condition's reason in v1's spelling: NON_ZERO_EXIT_CODE is
// NonZeroExitCode. gcloud depends on it.
func reasonOf(c *runpb.Condition) string {
	switch reason := c.GetReasons().(type) {
	case *runpb.Condition_Reason:
		return camelName(reason.Reason)
	case *runpb.Condition_RevisionReason_:
		return camelName(reason.RevisionReason)
	case *runpb.Condition_ExecutionReason_:
		return camelName(reason.ExecutionReason)
	}
	return ""
}

// toConditions translates conditions to v2. v1 has one status for both pending and
// running; open is the v2 state for it.
func toConditions(conditions []Condition, open runpb.Condition_State) []*runpb.Condition {
	var all []*runpb.Condition
	for _, c := range conditions {
		all = append(all, c.v2(open))
	}
	return all
}

func (c Condition) v2(open runpb.Condition_State) *runpb.Condition {
	state := open
	switch c.Status {
	case statusTrue:
		state = runpb.Condition_CONDITION_SUCCEEDED
	case statusFalse:
		state = runpb.Condition_CONDITION_FAILED
	}
	condition := &runpb.Condition{
		Type:               c.Type,
		State:              state,
		Message:            c.Message,
		LastTransitionTime: timestamp(c.LastTransitionTime),
		Severity:           runpb.Condition_Severity(number(runpb.Condition_SEVERITY_UNSPECIFIED, c.Severity)),
	}
	setReason(condition, c.Reason)
	return condition
}

func setReason(c *runpb.Condition, reason string) {
	if n := number(runpb.Condition_COMMON_REASON_UNDEFINED, reason); n > 0 {
		c.Reasons = &runpb.Condition_Reason{Reason: runpb.Condition_CommonReason(n)}
	} else if n := number(runpb.Condition_REVISION_REASON_UNDEFINED, reason); n > 0 {
		c.Reasons = &runpb.Condition_RevisionReason_{RevisionReason: runpb.Condition_RevisionReason(n)}
	} else if n := number(runpb.Condition_EXECUTION_REASON_UNDEFINED, reason); n > 0 {
		c.Reasons = &runpb.Condition_ExecutionReason_{ExecutionReason: runpb.Condition_ExecutionReason(n)}
	}
}

// camelName returns an enum's value in v1's spelling, and "" for the zero value.
func camelName(value protoreflect.Enum) string {
	if value.Number() == 0 {
		return ""
	}
	var name strings.Builder
	for word := range strings.SplitSeq(enumName(value), "_") {
		name.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return name.String()
}

// enumName returns a value's name, or its number if it has none.
func enumName(value protoreflect.Enum) string {
	if v := value.Descriptor().Values().ByNumber(value.Number()); v != nil {
		return string(v.Name())
	}
	return strconv.Itoa(int(value.Number()))
}

// number returns the value of an enum from v1's spelling, or 0.
func number(of protoreflect.Enum, camel string) protoreflect.EnumNumber {
	values := of.Descriptor().Values()
	if v := values.ByName(protoreflect.Name(upperSnake(camel))); v != nil {
		return v.Number()
	}
	return 0
}

// upperSnake converts NonZeroExitCode to NON_ZERO_EXIT_CODE.
func upperSnake(camel string) string {
	var name strings.Builder
	for i, r := range camel {
		if i > 0 && 'A' <= r && r <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteString(strings.ToUpper(string(r)))
	}
	return name.String()
}

// microseconds is the format of times, with all six digits.
const microseconds = "2006-01-02T15:04:05.000000Z"

func timeText(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(microseconds)
}

// timestamp parses the time of a field that only the server sets. It ignores invalid
// times, because the whole field is ignored.
func timestamp(text string) *timestamppb.Timestamp {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil
	}
	return timestamppb.New(t)
}
