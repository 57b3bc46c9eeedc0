"""Agents of other frameworks join with one line, and skills of the bus become their tools.

    from trunkline.adapters import langgraph

    langgraph.serve(graph, "researcher").run()                  # the graph is a skill
    tools = await langgraph.tools(client, skills=["summarize"])    # skills are the graph's tools

Every module here has the same two functions: `agent_framework`, `crewai`,
`functions` (anything callable), `langgraph`, `openai_agents`, `pydantic_ai`.
A framework is imported when its module is used, and installed by an extra of
the same name: `pip install 'trunkline[langgraph]'`.
"""
