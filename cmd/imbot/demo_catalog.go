package main

// demoCatalog is the demo's catalog.yaml.
const demoCatalog = `# Who answers for what, in the demo's shop.
squads:
  - key: payments
    name: Payments
    channel: "19:payments-incidents@thread.tacv2"
    mail: payments@example.com
    lead: ani@example.com
    members: [ani@example.com, budi@example.com]
    jira_project: PAY
    bridge_url: https://meet.example.com/payments
    standby: {pagerduty_escalation_policy: PPOLPAY}
  - key: fulfilment
    name: Fulfilment
    mail: fulfilment@example.com
    lead: citra@example.com
    members: [citra@example.com, dewi@example.com]
    standby: {pagerduty_escalation_policy: PPOLFUL}
services:
  - key: payments-db
    name: Payments DB
    squad: payments
    owner: budi@example.com
    tier: 1
    pagerduty_service_id: PSVCDB1
    stakeholders: [fajar@example.com]
    standby: [dba]
    links: [{title: Runbook, url: "https://wiki.example.com/payments-db"}]
  - key: checkout
    name: Checkout
    squad: payments
    owner: ani@example.com
    tier: 1
    pagerduty_service_id: PSVCCO1
    aliases: [checkout-api]
    depends_on: [payments-db]
    stakeholders: [fajar@example.com]
    standby: [dba, devops]
    links: [{title: Runbook, url: "https://wiki.example.com/checkout"}]
  - key: inventory
    name: Inventory
    squad: fulfilment
    owner: dewi@example.com
    tier: 2
    pagerduty_service_id: PSVCIN1
    standby: [devops]
standby:
  dba: {pagerduty_schedule: PSCHDBA}
  devops: {pagerduty_schedule: PSCHDEV}
people:
  - {mail: ani@example.com, name: Ani Wijaya, teams_id: "29:ani", aad_id: 00000000-0000-4000-8000-000000000020}
  - {mail: budi@example.com, name: Budi Santoso, teams_id: "29:budi", aad_id: 00000000-0000-4000-8000-000000000021, pagerduty_id: PUSER01}
  - {mail: citra@example.com, name: Citra Lestari, teams_id: "29:citra", aad_id: 00000000-0000-4000-8000-000000000022}
  - {mail: dewi@example.com, name: Dewi Putri, teams_id: "29:dewi", aad_id: 00000000-0000-4000-8000-000000000023, pagerduty_id: PUSER03}
  - {mail: eko@example.com, name: Eko Pratama, teams_id: "29:eko", aad_id: 00000000-0000-4000-8000-000000000024, pagerduty_id: PUSER04}
  - {mail: fajar@example.com, name: Fajar Nugroho, teams_id: "29:fajar", aad_id: 00000000-0000-4000-8000-000000000025}
`
