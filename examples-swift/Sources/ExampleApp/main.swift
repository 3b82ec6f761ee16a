import LightningArbitrator

// Says which native library the app runs on.
print("lightning-arbitrator \(libraryVersion())")
