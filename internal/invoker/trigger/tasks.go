package trigger

import (
	"strings"
	"time"
)

// tasksPrefix begins the headers of Cloud Tasks.
const tasksPrefix = "X-Cloudtasks-"

// tasks decodes a request of Cloud Tasks. The number of attempts is not part of it: a task
// that is sent again must give the same parameters.
//
// See https://docs.cloud.google.com/tasks/docs/creating-http-target-tasks#handler.
type tasks struct{}

func (tasks) keeps(header string) bool { return strings.HasPrefix(header, tasksPrefix) }
func (tasks) proof() string            { return tasksPrefix + "Taskname" }

func (t tasks) decode(m message) (event, error) {
	queue, err := single(m.header, tasksPrefix+"Queuename")
	if err != nil {
		return event{}, err
	}
	name, err := single(m.header, t.proof())
	if err != nil {
		return event{}, err
	}
	if queue == "" || name == "" {
		return event{}, malformed("the headers X-CloudTasks-QueueName and X-CloudTasks-TaskName are missing: this is not a request of Cloud Tasks")
	}
	content := map[string]any{"queueName": queue, "taskName": name, "data": jsonOrText(m.body)}
	return event{content, []string{queue, name}, time.Time{}}, nil
}
