"""Speed as ratios within one run against a real peer: the machine's own pace cancels out."""
