// swift-tools-version:5.9
// The Swift package: the code that bindings/generate.sh generates, and what is written by hand beside it.
//
// It links the library `lightning_arbitrator`; where that lies is the app's to say (`-Xlinker -L…`), or the XCFramework's on iOS.
// Language mode 5, which these tools imply: the generated code is not written for Swift 6's isolation checks.
import PackageDescription

let package = Package(
    name: "LightningArbitrator",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "LightningArbitrator", targets: ["LightningArbitrator"])],
    targets: [
        .systemLibrary(name: "LightningArbitratorFFI"),
        .target(
            name: "LightningArbitrator",
            dependencies: ["LightningArbitratorFFI"],
            path: ".",
            sources: ["generated/sources", "Sources/LightningArbitrator"]
        ),
    ]
)
