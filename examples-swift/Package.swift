// swift-tools-version:5.9
// An app that uses the Swift package, and its integration tests. The tests want, in the environment, TESTKIT_SERVER: the program
// that plays the chain, the Esplora server and the channel partner. scripts/test-swift.sh gives it, and the native library.
import PackageDescription

let package = Package(
    name: "ExampleApp",
    platforms: [.iOS(.v15), .macOS(.v12)],
    dependencies: [.package(name: "LightningArbitrator", path: "../bindings/swift")],
    targets: [
        .target(
            name: "AppParts",
            dependencies: [.product(name: "LightningArbitrator", package: "LightningArbitrator")]
        ),
        .executableTarget(name: "ExampleApp", dependencies: ["AppParts"]),
        .testTarget(name: "ExampleAppTests", dependencies: ["AppParts"]),
    ]
)
