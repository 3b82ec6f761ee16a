package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource
import org.lightning.arbitrator.AmountAtHeight
import org.lightning.arbitrator.ArbitratorState
import org.lightning.arbitrator.CaseFile
import org.lightning.arbitrator.ChannelType
import org.lightning.arbitrator.Claimant
import org.lightning.arbitrator.CloseKind
import org.lightning.arbitrator.Direction
import org.lightning.arbitrator.HistoryKind
import org.lightning.arbitrator.Means
import org.lightning.arbitrator.OutputKind
import org.lightning.arbitrator.Party
import org.lightning.arbitrator.Waiting
import org.lightning.arbitrator.Who

/** What a wallet shows of a close: every output, what is awaited, and everything that happened. */
@Timeout(60)
class CaseFileTest {
    /** What the sums of a case file come to: the channel's capacity. */
    private fun CaseFile.total() = balance.run {
        settledSat + timeLockedSat + contestedSat + uneconomicSat + givenUpSat + lostSat + othersSat + closingFeeSat + sweepFeesSat
    }

    @ParameterizedTest
    @EnumSource(ChannelType::class)
    fun `the file of a force close says from when on each output is whose`(type: ChannelType) = onDevice(type) {
        val arbitrator = open()
        start(arbitrator)
        wakeAfter(1, arbitrator)
        arbitrator.forceClose(channel)
        wakeAfter(1, arbitrator)

        val file = arbitrator.caseFile(channel)
        assertEquals(ArbitratorState.WAITING_FULL_RESOLUTION, file.state)
        val close = checkNotNull(file.close)
        assertEquals(CloseKind.Local(0uL), close.kind)
        assertEquals(partner.terms.capacitySat, file.total())
        val ours = file.outputs.single { it.kind == OutputKind.ToLocal(Party.LOCAL) }
        // BOLT 3: to_self_delay is 144, and the tip before that block is what counts.
        val ripe = close.block.height + 143u
        assertEquals(listOf(Claimant(Who.US, Means.PLAIN, ripe)), ours.claimants)
        assertEquals(Waiting.Height(ripe), ours.waiting)
        assertEquals(listOf(AmountAtHeight(ripe, ours.valueSat)), file.balance.maturing)
        val theirs = file.outputs.single { it.kind == OutputKind.ToRemote(Party.LOCAL) }
        assertTrue(theirs.claimants.single().who == Who.PEER && theirs.progress == null)
    }

    @ParameterizedTest
    @EnumSource(ChannelType::class)
    fun `payments in flight at the close stand in the file, one by one`(type: ChannelType) = onDevice(type) {
        val arbitrator = open()
        start(arbitrator)
        feed(arbitrator, partner.pay())
        partner.closes()
        wakeAfter(1, arbitrator)

        val file = arbitrator.caseFile(channel)
        assertEquals(50_000uL, file.balance.contestedSat)
        val payments = file.outputs.mapNotNull { output -> (output.kind as? OutputKind.Htlc)?.let { it to output } }
        val (sent, ofSent) = payments.single { (kind, _) -> kind.direction == Direction.OUTGOING }
        assertEquals(30_000uL, ofSent.valueSat)
        assertEquals(Waiting.PeersPreimage(sent.cltvExpiry), ofSent.waiting)
        val (received, ofReceived) = payments.single { (kind, _) -> kind.direction == Direction.INCOMING }
        assertEquals(20_000uL, ofReceived.valueSat)
        assertEquals(Waiting.Release(received.cltvExpiry), ofReceived.waiting)
        assertEquals(listOf(Who.US, Who.PEER), ofReceived.claimants.map { it.who })
    }

    @ParameterizedTest
    @EnumSource(ChannelType::class)
    fun `the file tells of the claim, and still of everything when the case has ended`(type: ChannelType) = onDevice(type) {
        val arbitrator = open()
        start(arbitrator)
        partner.closes()
        wakeAfter(1, arbitrator)
        val ours = { file: CaseFile -> file.outputs.single { it.kind == OutputKind.ToRemote(Party.REMOTE) } }
        val claim = checkNotNull(ours(arbitrator.caseFile(channel)).claim)
        assertEquals(Waiting.Confirmation(claim.txid), ours(arbitrator.caseFile(channel)).waiting)

        wakeAfter(1, arbitrator)
        wakeAfter(100, arbitrator)
        val ended = arbitrator.caseFile(channel)
        assertEquals(ArbitratorState.FULLY_RESOLVED, ended.state)
        assertEquals(testkit.balanceSat(wallet.script), ours(ended).money.recoveredSat.toLong())
        assertEquals(claim.feeSat, ours(ended).money.feesSat)
        assertEquals(partner.terms.capacitySat, ended.total())
        assertNull(ended.nextHeight)
        assertTrue(ended.timeline.any { it.kind is HistoryKind.CloseProven })
        assertTrue(ended.timeline.all { it.line in ended.text } && ended.outputs.all { it.line in ended.text })
    }
}
