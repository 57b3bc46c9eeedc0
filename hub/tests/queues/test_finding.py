"""Finding queues among many by a part of their name."""

from trunkline.protocol.resources import QueueDeclaration


async def test_queues_are_found_by_a_part_of_their_name_across_pages(hub, name):
    async with hub.client() as client:
        for queue in ("Invoices-new", "Invoices-old", "in_voices", "letters"):
            await client.queues.declare(f"{name}-{queue}", QueueDeclaration())
        first = await client.queues.list(text=f"{name}-iNVoiCes", limit=1)
        second = await client.queues.list(text=f"{name}-iNVoiCes", limit=1, cursor=first.next)
        assert [queue.name for queue in first.items] == [f"{name}-Invoices-new"]
        assert ([queue.name for queue in second.items], second.next) == ([f"{name}-Invoices-old"], None)
        wild = await client.queues.list(text=f"{name}-in_")
        assert [queue.name for queue in wild.items] == [f"{name}-in_voices"], "'_' stands for itself"
        nothing = await client.queues.list(text=f"{name}-%")
        assert nothing.items == []
