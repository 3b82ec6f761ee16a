import LightningArbitrator
import XCTest

/// The first thing that can go wrong: the app's package and the native library it finds are not of one build.
final class NativeLibraryTests: XCTestCase {
    func testTheNativeLibraryIsOfTheVersionThatThisPackageWasGeneratedFor() {
        XCTAssertEqual(libraryVersion(), "0.1.0")
    }
}
