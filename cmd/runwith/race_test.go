//go:build race

package main

// memoryTimes is how many times the memory a server may take: the race detector needs most of it.
const memoryTimes = 5
