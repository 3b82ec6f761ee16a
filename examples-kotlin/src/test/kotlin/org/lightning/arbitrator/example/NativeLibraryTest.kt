package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.lightning.arbitrator.libraryVersion

/** The first thing that can go wrong: the app's package and the native library it finds are not of one build. */
class NativeLibraryTest {
    @Test
    fun `the native library is of the version that this package was generated for`() {
        assertEquals("0.1.0", libraryVersion())
    }
}
