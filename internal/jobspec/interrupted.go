package jobspec

// InterruptedAnnotation is the annotation of an execution with the number of times that an
// engine or its machine stopped while a task ran, which the engine adds then. Cloud Run's
// API has no field for it.
const InterruptedAnnotation = "engine.runwith/interrupted"
