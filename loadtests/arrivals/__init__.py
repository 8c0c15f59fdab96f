"""When sessions start: schedules, how workers divide them, the driver that keeps them, the search for capacity."""
