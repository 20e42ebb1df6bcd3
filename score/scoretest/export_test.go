package scoretest

// RaceEnabled says whether the race detector is at work.
const RaceEnabled = raceEnabled
