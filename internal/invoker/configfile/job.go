package configfile

import "encoding/json"

// Job is a job as callers see it.
type Job struct {
	CloudRun    string               `yaml:"cloudRun" rule:"cloudRun" doc:"The Cloud Run job: its ID, or projects/PROJECT/locations/REGION/jobs/JOB. By default the job with the same name here."`
	Title       string               `yaml:"title" rule:"line" doc:"Name for people."`
	Description string               `yaml:"description" rule:"prose" doc:"What the job does, for people."`
	Parameters  map[string]Parameter `yaml:"parameters" keys:"parameter" most:"50" doc:"What a request can choose. A parameter is required unless it has a default or is optional."`
	// Args replace the job's arguments; nil keeps them.
	Args        []string            `yaml:"args" rule:"template" most:"500" doc:"Replaces the job's arguments. {NAME} is a parameter's value, in its own element or in a part of one (--tenant={tenant}); {{ and }} are braces. An element whose optional parameter has no value is left out."`
	Env         map[string]string   `yaml:"env" keys:"jobVariable" rule:"template" most:"100" doc:"Sets environment variables, from parameters as in args. A variable whose optional parameter has no value is not set."`
	Labels      map[string]string   `yaml:"labels" keys:"label" rule:"template" most:"16" doc:"Labels that every invocation gets, from parameters as in args. A request cannot set them. A label whose optional parameter has no value is not set."`
	Allow       Allow               `yaml:"allow" doc:"Which settings a request may override directly. By default none."`
	Concurrency *Concurrency        `yaml:"concurrency" doc:"How many invocations may be active at the same time."`
	Rate        Rate                `yaml:"rate" doc:"Starts of this job, such as 60/min, paced evenly. More are queued."`
	CallerRate  Rate                `yaml:"callerRate" doc:"Accepted requests of each caller for this job. More are refused (429)."`
	MaxBody     Size                `yaml:"maxBody" doc:"Largest body of a request, such as 64KiB; at most, and by default, 1MiB."`
	Keep        Duration            `yaml:"keep" doc:"How long invocations of this job are kept after their end. By default as long as --keep."`
	Grants      map[string][]string `yaml:"grants" keys:"caller" rule:"verb" most:"1000" doc:"What callers may do with this job: start, view, cancel, values, operate. The name anonymous means requests without a credential."`
}

// Parameter describes a parameter, in the words of JSON Schema 2020-12.
// Numbers are kept as they are written; empty means that there is none.
type Parameter struct {
	Type             string      `yaml:"type" rule:"type" required:"true" doc:"string, integer, number or boolean."`
	Title            string      `yaml:"title" rule:"line" doc:"Name for people."`
	Description      string      `yaml:"description" rule:"prose" doc:"What it means, for people."`
	Optional         bool        `yaml:"optional" doc:"Whether a request may leave it out although it has no default."`
	Default          any         `yaml:"default" doc:"The value if a request leaves it out."`
	Enum             []any       `yaml:"enum" most:"200" doc:"The only values."`
	Pattern          string      `yaml:"pattern" rule:"pattern" doc:"Regular expression (RE2). It may match anywhere in the text. Write ^...$ to match all of it."`
	Format           string      `yaml:"format" rule:"format" doc:"Form of the text: date, time, date-time, duration, email, hostname, ipv4, ipv6, uri or uuid."`
	MinLength        int         `yaml:"minLength" rule:"count" doc:"Least number of characters."`
	MaxLength        *int        `yaml:"maxLength" rule:"count" doc:"Largest number of characters; at most, and by default, 4096."`
	Minimum          json.Number `yaml:"minimum" doc:"Smallest number."`
	Maximum          json.Number `yaml:"maximum" doc:"Largest number."`
	ExclusiveMinimum json.Number `yaml:"exclusiveMinimum" doc:"The number must be larger."`
	ExclusiveMaximum json.Number `yaml:"exclusiveMaximum" doc:"The number must be smaller."`
	MultipleOf       json.Number `yaml:"multipleOf" doc:"The number must be a multiple."`
}

// Allow is what a request may override directly. The zero value allows nothing.
type Allow struct {
	Args bool     `yaml:"args" doc:"Whether a request may replace the arguments."`
	Env  []string `yaml:"env" rule:"jobVariable" most:"100" doc:"Environment variables that a request may set, by exact name."`
	// MaxTasks and MaxTimeout are the largest values; 0 allows no override.
	MaxTasks   int      `yaml:"maxTasks" rule:"tasks" doc:"Largest number of tasks that a request may ask for. Without it, a request cannot change it."`
	MaxTimeout Duration `yaml:"maxTimeout" rule:"seconds" doc:"Longest timeout of a task that a request may ask for, in whole seconds. Without it, a request cannot change it."`
}

// Concurrency limits the active invocations.
type Concurrency struct {
	Key      string `yaml:"key" rule:"template" doc:"What the limit counts by, made of parameters: {tenant} gives each tenant its own limit. By default the whole job."`
	Limit    int    `yaml:"limit" rule:"limit" required:"true" doc:"How many may be active at the same time."`
	Overflow string `yaml:"overflow" rule:"overflow" doc:"What becomes of more: queue (the default), reject, or replace, which cancels older ones."`
}
