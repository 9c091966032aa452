package trigger

// RoomUsed returns the room that large bodies take now, and RoomForBodies how much there is.
func (s *Triggers) RoomUsed() int64 { return s.room.used.Load() }

const RoomForBodies = roomForBodies
