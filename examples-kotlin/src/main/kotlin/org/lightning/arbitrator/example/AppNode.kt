package org.lightning.arbitrator.example

import fr.acinq.secp256k1.Secp256k1
import org.lightning.arbitrator.AnnouncementRequest
import org.lightning.arbitrator.NodeSigner

/** The app's node: peers know it by its key, which signs the announcements of public channels. */
class AppNode(private val secret: ByteArray) : NodeSigner {
    override fun nodeId(): ByteArray = publicKey(secret)

    override fun signAnnouncement(request: AnnouncementRequest): ByteArray = Secp256k1.sign(request.digest, secret)
}
