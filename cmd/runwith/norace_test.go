//go:build !race

package main

// memoryTimes is how many times the memory a server may take.
const memoryTimes = 1
