package store

// DecodeCheckpoint is decodeCheckpoint, for the fuzz test.
var DecodeCheckpoint = decodeCheckpoint

// SplitSections is what is left of it without the SHA-256.
func SplitSections(data []byte) {
	if len(data) >= checkpointHead {
		splitSections(data)
	}
}
