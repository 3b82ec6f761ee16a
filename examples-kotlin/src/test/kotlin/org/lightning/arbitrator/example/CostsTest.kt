package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource
import org.lightning.arbitrator.ArbitratorException
import org.lightning.arbitrator.ArbitratorState
import org.lightning.arbitrator.BroadcastOutcome
import org.lightning.arbitrator.Bump
import org.lightning.arbitrator.ChannelType
import org.lightning.arbitrator.HistoryKind
import org.lightning.arbitrator.OutputKind
import org.lightning.arbitrator.Party
import org.lightning.arbitrator.PriceLevel

/** What a close costs, said before it, and a claim that is asked for more. */
@Timeout(60)
class CostsTest {
    @ParameterizedTest
    @EnumSource(ChannelType::class)
    fun `a close comes to what was foretold`(type: ChannelType) = onDevice(type) {
        val arbitrator = open()
        start(arbitrator)
        wakeAfter(1, arbitrator)
        val preview = arbitrator.previewClose(channel)
        assertEquals(listOf(PriceLevel.LOW, PriceLevel.MEDIUM, PriceLevel.HIGH), preview.prices.map { it.level })
        // The server has no estimates: what can wait pays the least that is relayed.
        val foretold = checkNotNull(preview.prices.first().ours)
        assertEquals(0uL, foretold.reserveSat)

        arbitrator.forceClose(channel)
        for (blocks in listOf(1, 143, 1, 100)) wakeAfter(blocks, arbitrator)
        val file = arbitrator.caseFile(channel)
        assertEquals(ArbitratorState.FULLY_RESOLVED, file.state)
        assertEquals(foretold.balance, file.balance)
        val ours = foretold.outputs.single { it.kind == OutputKind.ToLocal(Party.LOCAL) }
        assertEquals(ours.money, file.outputs.single { it.outpoint == ours.outpoint }.money)
        refusal<ArbitratorException.AlreadyClosed> { arbitrator.previewClose(channel) }
    }

    @ParameterizedTest
    @EnumSource(ChannelType::class)
    fun `a claim pays what it is asked for, at once`(type: ChannelType) = onDevice(type) {
        val arbitrator = open()
        start(arbitrator)
        partner.closes()
        wakeAfter(1, arbitrator)
        val output = arbitrator.caseFile(channel).outputs.single { it.kind == OutputKind.ToRemote(Party.REMOTE) }
        val status = arbitrator.bump(channel, output.outpoint, Bump.Feerate(5_000uL))
        assertEquals(BroadcastOutcome.Accepted, status.outcome)

        val file = arbitrator.caseFile(channel)
        val claim = checkNotNull(file.outputs.single { it.outpoint == output.outpoint }.claim)
        assertEquals(status.txid, claim.txid)
        assertTrue(checkNotNull(claim.feeratePerKw) >= 5_000uL, file.text)
        assertTrue(file.timeline.any { it.kind is HistoryKind.Bumped }, file.text)
        refusal<ArbitratorException.UnknownClaim> { arbitrator.bump(channel, channel, Bump.Deadline(1_000u)) }
        refusal<ArbitratorException.FeerateAboveCap> {
            arbitrator.bump(channel, output.outpoint, Bump.Feerate(1_000_000uL))
        }
    }
}
